"""The steps of a training workflow: train, evaluate, register, stage, and the report of a failure.

The contract with the user's image is `docs/training-contract.md`; the names are in `contract.names`.
"""
