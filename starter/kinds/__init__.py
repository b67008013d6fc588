"""Folders that `make model` copies, one for each kind of model; `starter.shared` goes into all of them."""
