"""The stack's components, one `ComponentResource` per module.

No I/O, no environment and no clock, neither at import nor in constructors.
"""
