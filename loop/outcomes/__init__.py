"""Learning what became of predictions: outcomes are taken in, kept beside the predictions, and compared with them."""
