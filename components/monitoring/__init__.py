"""What watches a model: the drift detector, the record of its outcomes, and the watch over its aliases."""
