"""A model's servers, the split between its slots, the gateway before them, and a version's way into production."""
