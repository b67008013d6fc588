"""The steps of a training workflow: train, evaluate, register, stage, and what is said when one of them fails.

The contract with the user's image is `docs/training-contract.md`; the names are in `contract.names`.
"""
