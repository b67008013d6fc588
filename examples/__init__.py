"""Models that follow `docs/training-contract.md`, for a stack to train before it has its own."""
