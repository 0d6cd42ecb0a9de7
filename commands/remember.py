"""Commands that add, show, pin, delete and export memories."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from commands.parameters import EXAMPLE, AsJson, Reference
from commands.terminal import bar, complain, instant, say, search_id, show, show_table, status, words
from memories.errors import InputError
from memories.instant import day

app = typer.Typer()


@app.command(
    help="Read memories from a source." + EXAMPLE + "dreams ingest markdown ~/notes --since 2026-01-01 --redact"
)
def ingest(
    source: Annotated[str, typer.Argument(help="sample, jsonl, markdown, chatgpt, claude or git.")],
    path: Annotated[Path | None, typer.Argument(help="A file or folder; - is standard input (jsonl).")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only memories dated from this day or instant on (ISO 8601).")
    ] = None,
    redact: Annotated[
        bool | None,
        typer.Option(help="Mask keys, tokens, passwords and card numbers; the default is that of earlier readings."),
    ] = None,
    revive: Annotated[bool, typer.Option(help="Bring back forgotten memories.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Report what would change, and change nothing.")] = False,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Notes to leave out, as in .gitignore; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    from ingest import sources
    from ingest.loading.load import load
    from ingest.loading.redactions import redaction
    from memories.postgres.database import connect
    from memories.postgres.migrate import migrate

    read_by = sources.source_named(source)
    where = path or (sources.sample.PATH if source == sources.sample.SOURCE else None)
    if where is None:
        raise InputError(f"say where the {source} memories are: dreams ingest {source} PATH")
    total = read_by.size_bytes(where)
    migrate()
    with connect(autocommit=True) as connection, bar(f"reading {source}", total) as advance:
        masks = redaction(connection, source, where, redact, is_dry_run=dry_run)
        loaded = load(
            connection,
            sources.read(source, where, exclude=exclude or (), on_bytes=advance),
            since=instant(since) if since else None,
            redact=masks.is_on,
            revive=revive,
            dry_run=dry_run,
        )
    if masks.sentence:
        complain(masks.sentence)
    show(loaded.as_dict(), as_json, ("Would be: " if dry_run else "Memories: ") + loaded.sentence)


@app.command(
    help="Store one memory." + EXAMPLE + 'dreams store "The spare key hangs behind the clock" --tags home,keys'
)
def store(
    content: Annotated[str, typer.Argument(help="What to remember; - reads standard input.")],
    context: Annotated[str, typer.Option(help="Where or why it was noted.")] = "",
    summary: Annotated[str, typer.Option(help="A short summary.")] = "",
    tags: Annotated[str, typer.Option(help="Separated by commas.")] = "",
    as_json: AsJson = False,
) -> None:
    from memories.memory import Memory

    text = sys.stdin.read() if content == "-" else content
    with Memory() as memory:
        memory_id = memory.store(text, context=context, summary=summary, tags=words(tags))
    show({"id": str(memory_id)}, as_json, f"stored {memory_id}")


@app.command(
    "open",
    help="Show a whole memory; memories opened after the same search become associated."
    + EXAMPLE
    + "dreams open 3f2a91c0 --query-id 5b0c6a51-8f5e-4f0e-9d51-0f6f6f1f7c11",
)
def open_memory(
    memory: Reference,
    query_id: Annotated[str | None, typer.Option(help="The query_id of the search that listed it.")] = None,
    as_json: AsJson = False,
) -> None:
    from dataclasses import asdict

    from memories.memory import Memory
    from memories.views.reasons import memoir_lines

    with Memory() as opened:
        found = opened.get(memory, query_id=search_id(query_id) if query_id else None)
    show(asdict(found), as_json, "\n".join(memoir_lines(found)))


@app.command(
    help="Permanently delete a memory and every copy of it, after showing what it holds and asking; --now also erases"
    " what remains of it on the disk, as `dreams db scrub` does." + EXAMPLE + "dreams forget 3f2a91c0 --now"
)
def forget(
    memory: Reference,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    now: Annotated[bool, typer.Option("--now", help="Scrub the disk, too.")] = False,
    as_json: AsJson = False,
) -> None:
    from dataclasses import asdict, replace

    from ingest.cycle.scrub import scrub
    from memories.documents.receipt import FOR_GOOD
    from memories.memory import Memory
    from memories.views.reasons import gist

    with Memory() as opened:
        going = opened.forgettable(memory)
        if not as_json:
            say(f"{going.memory.id}  {day(going.memory.created_at)}  {gist(going.memory)}")
            show_table(["removed from", "rows"], [[name, count] for name, count in going.receipt.removed.items()])
        if not (yes or typer.confirm("Delete all of this permanently?", err=as_json)):
            kept = {"id": going.memory.id, "forgotten": False, "would_remove": going.receipt.removed}
            show(kept, as_json, "Kept.")
            return
        receipt = opened.forget(going.memory.id)
    is_left = False
    if now:
        with status("scrubbing") as on_step:
            found = scrub(wait=True, on_step=on_step)
        receipt, is_left = replace(receipt, remains=(*FOR_GOOD, *found.remains)), bool(found.again)
    done = "Forgotten. Reading its source again will not bring it back, unless you say --revive."
    show({"id": receipt.memory_id, "forgotten": True, **asdict(receipt)}, as_json, done)
    if not as_json:
        show_table(["what remains", "until"], [[each.what, each.until] for each in receipt.remains])
    if is_left:
        raise typer.Exit(1)


@app.command(help="Keep a memory from fading." + EXAMPLE + "dreams pin 3f2a91c0")
def pin(
    memory: Reference,
    undo: Annotated[bool, typer.Option(help="Let it fade again.")] = False,
) -> None:
    from memories.memory import Memory

    with Memory() as opened:
        memory_id = opened.pin(memory, pinned=not undo)
    say(f"{memory_id} {'may fade again' if undo else 'will not fade'} from the next cycle on.")


@app.command(
    help="Write memories and events as the JSON lines that `dreams ingest jsonl` reads."
    + EXAMPLE
    + "dreams export > memories.jsonl"
)
def export() -> None:
    from memories.documents.export import export as lines
    from memories.postgres.database import connect

    with connect() as connection:
        for line in lines(connection):
            sys.stdout.write(line + "\n")
