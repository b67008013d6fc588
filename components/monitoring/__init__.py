"""What watches a model: the drift detector, and the watch over its aliases."""
