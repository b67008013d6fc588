"""A ranking to start from."""
