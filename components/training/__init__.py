"""A model's training: the workflow template, its steps and its pods."""
