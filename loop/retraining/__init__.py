"""Retraining on drift, at most so often: the decision (`decision`, pure) and its Leases (`leases`, `cooldown`)."""
