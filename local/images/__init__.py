"""Container images without Docker and without a registry: layers from package registries, imported into containerd."""
