"""Rules over Kubernetes and cloud objects, as plain functions.

`policy/__main__.py` runs them inside Pulumi, `python -m policy.lint` on files; components and tests import them.
"""
