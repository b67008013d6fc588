"""The artifact store: an S3 bucket at AWS, at another service or in the bundled one, with its folder of logs."""
