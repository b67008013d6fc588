"""A classification to start from."""
