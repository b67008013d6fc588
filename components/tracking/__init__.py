"""MLflow: its servers, database, migration, identities, host name and login."""
