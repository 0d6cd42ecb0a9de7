"""From the DuckDB file to schema `dreams`."""
