"""Drift: compares what a model is asked with what it was trained on, and publishes the result to Kafka.

Pure and without I/O: `statistics`, `settings`, `window`. With I/O: `reference` (MLflow), `detector` (Kafka), `health`
(HTTP). Imported in two environments (the detector's has NumPy 1, pydantic 1 and MLflow 2): standard library, NumPy
and SciPy only; alibi-detect is imported by `alibi` when the detector starts, because that takes seconds.
"""
