"""Finds or builds every program the one-machine cluster runs: Debian packages, and static binaries from Go modules."""
