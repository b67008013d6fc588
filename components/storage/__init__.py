"""The artifact store: an S3 bucket of AWS, of another S3, or the bundled one, and the folder of logs in it."""
