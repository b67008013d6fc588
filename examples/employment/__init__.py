"""Predicts whether a person is employed: the second example, whose outcomes come later and whose people change."""
