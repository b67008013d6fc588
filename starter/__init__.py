"""A model's first day: folders to start from, and the stations that `make try` takes it through, without a cluster."""
