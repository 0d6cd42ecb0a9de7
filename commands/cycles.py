"""Commands that list past dream cycles and roll back to one: `dreams cycles …`."""

from typing import Annotated

import typer

from commands.parameters import EXAMPLE, AsJson
from commands.terminal import show, show_table

app = typer.Typer(
    help="List past dream cycles, or roll back to one." + EXAMPLE + "dreams cycles",
    invoke_without_command=True,
)


@app.callback()
def list_cycles(
    context: typer.Context,
    last: Annotated[int, typer.Option(help="How many of the latest cycles to list.", min=1)] = 20,
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
    help="Return to the results of an earlier cycle; no memory and no event changes."
    + EXAMPLE
    + "dreams cycles rollback 3f2a91c0"
)
def rollback(
    cycle: Annotated[str, typer.Argument(help="The cycle's id, or at least its first six characters.")],
    as_json: AsJson = False,
) -> None:
    from ingest.cycle.history import roll_back

    changed = roll_back(cycle)
    show(
        dict(changed), as_json, f"{sum(changed.values())} rows changed in schema dreams; the next cycle replaces them."
    )
