"""Ranks the products of a shelf for a household: the model that the default stack trains."""
