"""The stack's components, in one package for each area of the loop; `model` puts one model's loop together.

A component's type token is `ml-loop:<area>:<Class>`, and the area is its package. No I/O, no environment and no clock,
neither at import nor in constructors.
"""
