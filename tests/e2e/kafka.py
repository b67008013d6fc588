"""What a pod that knows the way to the brokers runs for the tests."""

from typing import Final

READ: Final = """\
import json, os, sys
from confluent_kafka import Consumer, TopicPartition
from loop.runtime.kafka import client_settings
consumer = Consumer(client_settings(os.environ) | {"group.id": "e2e", "enable.auto.commit": False})
topic, start = sys.argv[1], int(sys.argv[2])
_, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)
consumer.assign([TopicPartition(topic, 0, start)])
texts = []
while start >= 0 and start + len(texts) < end:
    texts += [message.value().decode() for message in consumer.consume(1000, 1) if message.error() is None]
print(json.dumps({"end": end, "texts": texts}))
"""
