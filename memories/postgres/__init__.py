"""Postgres itself: the server, its schema, and the backups of what it holds."""
