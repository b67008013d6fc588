"""The stack's components, in one package for each area of the loop; `model` puts one model's loop together.

Each area turns a stack's settings into objects by a function that `__main__` calls: the table is in
docs/architecture.md. How a pod uses a service is an `Access` (`kit.access`); `kit.options.depending_on` orders
resources between which no data flows.

A component's type token is `ml-loop:<area>:<Class>`, and the area is its package. No I/O, no environment and no clock,
neither at import nor in constructors.
"""
