"""Postgres: the server, connections to it, its schema, and backups of the store."""
