"""Runs the dbt project: its parameters, its process, its DuckDB file."""
