"""dbt as a child process, which a killed cycle does not leave behind with the DuckDB file. Started by `ingest.dbt`."""

from dbt.cli.main import cli

from ingest.child import end_with_parent

if __name__ == "__main__":
    end_with_parent()
    cli()
