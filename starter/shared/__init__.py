"""What `make model` puts into every folder, whatever the kind of model."""
