"""The dbt project from outside: its parameters, its process, its DuckDB file."""
