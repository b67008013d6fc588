"""Your own model: `make model` makes its folder, `make try` tries it without a cluster, `make image` hands it over."""
