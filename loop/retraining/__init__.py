"""Retraining on drift, limited by a cooldown: the decision (`decision`, pure) and its Leases (`leases`, `cooldown`)."""
