"""Kafka, which carries predictions and drift: the bundled broker, or brokers that are there."""
