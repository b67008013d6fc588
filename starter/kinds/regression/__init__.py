"""A regression to start from."""
