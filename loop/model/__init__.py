"""An MLflow model as clients meet it: requests against its signature, its answers as JSON, the rows it is tried with.

The server answers with it and training judges a candidate by it, so that nothing passes one and fails the other.
"""
