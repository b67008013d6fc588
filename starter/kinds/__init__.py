"""Folders that `make model` copies, one for each kind of model; `start.shared` goes into all of them."""
