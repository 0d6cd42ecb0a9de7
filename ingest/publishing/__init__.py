"""Publishes the marts of the DuckDB file in schema `dreams` of Postgres."""
