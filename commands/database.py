"""Commands for the Postgres that holds the memories: `dreams db …`."""

from pathlib import Path
from typing import Annotated

import typer

from commands.parameters import EXAMPLE, AsJson
from commands.terminal import complain, say, show, show_table, status

app = typer.Typer(no_args_is_help=True, help="The Postgres that holds the memories.")


@app.command(
    "start", help="Start the embedded Postgres and bring it to this version's schema." + EXAMPLE + "dreams db start"
)
def db_start() -> None:
    from memories.postgres.database import url, without_password
    from memories.postgres.migrate import migrate

    applied = migrate(url())
    say(f"Postgres runs at {without_password(url())}; {len(applied)} migrations applied.")


@app.command("stop", help="Stop the embedded Postgres." + EXAMPLE + "dreams db stop")
def db_stop() -> None:
    from memories.postgres.database import stop
    from memories.settings import settings

    say("Postgres has stopped." if stop(settings()) else "Postgres was not running.")


@app.command("url", help="Print the connection string." + EXAMPLE + 'psql "$(dreams db url)"')
def db_url() -> None:
    from memories.postgres.database import url

    say(url())


@app.command(
    "migrate", help="Bring the store to this version's schema; harmless to repeat." + EXAMPLE + "dreams db migrate"
)
def db_migrate(as_json: AsJson = False) -> None:
    from memories.postgres.migrate import migrate

    applied = list(migrate())
    show({"applied": applied}, as_json, f"{len(applied)} migrations applied." if applied else "Nothing to migrate.")


@app.command("backup", help="Write the whole store to one file." + EXAMPLE + "dreams db backup memories.zip")
def db_backup(file: Path, as_json: AsJson = False) -> None:
    from memories.postgres.backup import backup

    with status("backing up"):
        rows = backup(file)
    show(rows, as_json, f"{rows['public.memories']} memories, {sum(rows.values())} rows in all, written to {file}.")


@app.command(
    "restore",
    help="Fill an empty store from a backup; with --replace any store, after saying what that discards and asking."
    " What was forgotten since the backup stays forgotten." + EXAMPLE + "dreams db restore memories.zip",
)
def db_restore(
    file: Path,
    replace: Annotated[bool, typer.Option(help="Discard what the store holds at present.")] = False,
    revive: Annotated[bool, typer.Option(help="Bring back forgotten memories.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: AsJson = False,
) -> None:
    from memories.postgres.backup import preview, restore

    found = preview(file)
    forgotten = f"{found.forgotten_since} of its memories were forgotten since and " + (
        "come back" if revive else "stay forgotten (--revive brings them back)"
    )
    if replace and found.replaced_memories:
        complain(
            f"{file} holds {found.memories} memories; the {found.replaced_memories} memories and"
            f" {found.replaced_events} events in the store now are discarded for them"
        )
    if found.forgotten_since:
        complain(forgotten)
    if replace and found.replaced_memories and not (yes or typer.confirm("Replace all of this permanently?", err=True)):
        show({"restored": False}, as_json, "Kept.")
        return
    with status("restoring"):
        rows = restore(file, replace=replace, revive=revive)
    show(rows, as_json, f"{rows['public.memories']} memories restored.")


@app.command(
    "scrub",
    help="Erase what remains of forgotten memories on the disk. Each table is locked while it is rewritten, and the"
    " disk needs as much free space as the largest table takes." + EXAMPLE + "dreams db scrub",
)
def db_scrub(
    wait: Annotated[bool, typer.Option(help="Wait while a dream cycle runs.")] = False,
    as_json: AsJson = False,
) -> None:
    from dataclasses import asdict

    from ingest.cycle.scrub import scrub, size_bytes
    from memories.postgres.migrate import migrate

    migrate()
    if not as_json:
        complain(f"rewriting {size_bytes() / 1e6:.0f} MB of Postgres; searches wait while their table is rewritten")
    with status("scrubbing") as on_step:
        found = scrub(wait=wait, on_step=on_step)
    show(asdict(found), as_json, f"{found.tables} tables, their statistics and the write-ahead log rewritten.")
    if not as_json and found.remains:
        show_table(["what remains", "until"], [[each.what, each.until] for each in found.remains])
    if found.again:
        raise typer.Exit(1)
