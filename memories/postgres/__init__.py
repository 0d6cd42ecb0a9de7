"""Postgres: the server, its schema, and backups of the store."""
