"""The dream cycles there were, and back to an earlier one: `dreams cycles …`."""

from typing import Annotated

import typer

from commands.parameters import EXAMPLE, AsJson
from commands.terminal import show, show_table

app = typer.Typer(
    help="The dream cycles there were, and back to an earlier one." + EXAMPLE + "dreams cycles",
    invoke_without_command=True,
)


@app.callback()
def list_cycles(
    context: typer.Context,
    last: Annotated[int, typer.Option(help="How many, from the last one back.", min=1)] = 20,
    as_json: AsJson = False,
) -> None:
    from dataclasses import asdict

    from ingest.cycle.history import past_cycles
    from ingest.dbt.parameters import run_parameters
    from memories.postgres.database import connect
    from memories.postgres.migrate import migrate

    if context.invoked_subcommand is not None:
        return
    migrate()
    with connect() as connection:
        found = past_cycles(connection, last)
    if as_json:
        show({"cycles": [asdict(cycle) for cycle in found]}, as_json, "")
        return
    usual = run_parameters({})
    show_table(
        ["cycle", "as_of", "stage", "state", "rows_changed", "seconds", "parameters", "error"],
        [cycle.line(usual) for cycle in found],
    )


@app.command(
    help="Show again what an earlier cycle showed; no memory and no event changes."
    + EXAMPLE
    + "dreams cycles rollback 3f2a91c0"
)
def rollback(
    cycle: Annotated[str, typer.Argument(help="The cycle's id, or its first six or more characters.")],
    as_json: AsJson = False,
) -> None:
    from ingest.cycle.history import roll_back

    changed = roll_back(cycle)
    show(dict(changed), as_json, f"{sum(changed.values())} rows changed in schema dreams; the next cycle dreams anew.")
