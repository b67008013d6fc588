"""Rank the products of a shelf for a household: the model the default stack trains."""
