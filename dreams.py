"""The front door: the `dreams` command, one thin function per command."""

import logging
import signal
import sys
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from memories.errors import InputError
from memories.faults import INTERRUPTED, one_sentence
from memories.home import close_to_others, keep_to_owner
from memories.terminal import assignment, bar, complain, instant, say, show, show_table, status, values, words

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A memory for assistants and the people who use them: store, dream, ask.",
)
db = typer.Typer(no_args_is_help=True, help="The Postgres that holds the memories.")
app.add_typer(db, name="db")
cycles = typer.Typer(help="The dream cycles there were, and back to an earlier one." + "\n\nExample: dreams cycles")
app.add_typer(cycles, name="cycles", invoke_without_command=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Reference = Annotated[str, typer.Argument(help="Its id, or the first six or more characters.")]
Assignments = Annotated[list[str] | None, typer.Option("--set", help="A parameter: name=value; may be repeated.")]
EXAMPLE = "\n\nExample: "


@db.command(
    "start", help="Start the embedded Postgres and bring it to this version's schema." + EXAMPLE + "dreams db start"
)
def db_start() -> None:
    from memories.database import url, without_password
    from memories.migrate import migrate

    applied = migrate(url())
    say(f"Postgres runs at {without_password(url())}; {len(applied)} migrations applied.")


@db.command("stop", help="Stop the embedded Postgres." + EXAMPLE + "dreams db stop")
def db_stop() -> None:
    from memories.database import stop
    from memories.settings import settings

    say("Postgres has stopped." if stop(settings()) else "Postgres was not running.")


@db.command("url", help="Print the connection string." + EXAMPLE + 'psql "$(dreams db url)"')
def db_url() -> None:
    from memories.database import url

    say(url())


@db.command(
    "migrate", help="Bring the store to this version's schema; harmless to repeat." + EXAMPLE + "dreams db migrate"
)
def db_migrate(as_json: AsJson = False) -> None:
    from memories.migrate import migrate

    applied = list(migrate())
    show({"applied": applied}, as_json, f"{len(applied)} migrations applied." if applied else "Nothing to migrate.")


@db.command("backup", help="Write the whole store to one file." + EXAMPLE + "dreams db backup memories.zip")
def db_backup(file: Path, as_json: AsJson = False) -> None:
    from memories.backup import backup

    with status("backing up"):
        rows = backup(file)
    show(rows, as_json, f"{rows['public.memories']} memories and {sum(rows.values())} rows in all are in {file}.")


@db.command("restore", help="Fill an empty store from a backup." + EXAMPLE + "dreams db restore memories.zip")
def db_restore(
    file: Path,
    replace: Annotated[bool, typer.Option(help="Lose what the store holds now.")] = False,
    as_json: AsJson = False,
) -> None:
    from memories.backup import restore

    with status("restoring"):
        rows = restore(file, replace=replace)
    show(rows, as_json, f"{rows['public.memories']} memories restored.")


@db.command(
    "scrub",
    help="Rewrite what the disk still holds of forgotten memories. Each table is closed while it is rewritten, and as"
    " much free room is needed as the largest takes." + EXAMPLE + "dreams db scrub",
)
def db_scrub(
    wait: Annotated[bool, typer.Option(help="Wait while a dream cycle runs.")] = False,
    as_json: AsJson = False,
) -> None:
    from dataclasses import asdict

    from ingest.scrub import scrub, size_bytes
    from memories.migrate import migrate

    migrate()
    if not as_json:
        complain(f"rewriting {size_bytes() / 1e6:.0f} MB of Postgres; searches wait while their table is rewritten")
    with status("scrubbing") as on_step:
        found = scrub(wait=wait, on_step=on_step)
    show(asdict(found), as_json, f"{found.tables} tables, their statistics and the write-ahead log are written anew.")
    if not as_json and found.remains:
        show_table(["what remains", "until"], [[each.what, each.until] for each in found.remains])
    if found.again:
        raise typer.Exit(1)


@app.command(
    help="Read memories from a source." + EXAMPLE + "dreams ingest markdown ~/notes --since 2026-01-01 --redact"
)
def ingest(
    source: Annotated[str, typer.Argument(help="sample, jsonl, markdown, chatgpt, claude or git.")],
    path: Annotated[Path | None, typer.Argument(help="A file or folder; - is standard input (jsonl).")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only what is dated from this day or instant on (ISO 8601).")
    ] = None,
    redact: Annotated[bool, typer.Option(help="Mask keys, tokens, passwords and card numbers before storing.")] = False,
    revive: Annotated[bool, typer.Option(help="Bring back memories that were forgotten.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Say what would change, and change nothing.")] = False,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Notes to leave out, as in .gitignore; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    from ingest import sources
    from ingest.load import load
    from memories.database import connect
    from memories.migrate import migrate

    where = path or (sources.sample.PATH if source == sources.sample.SOURCE else None)
    if where is None:
        raise InputError(f"say where the {source} memories are: dreams ingest {source} PATH")
    total = sources.source_named(source).size_bytes(where)
    migrate()
    with connect(autocommit=True) as connection, bar(f"reading {source}", total) as advance:
        loaded = load(
            connection,
            sources.read(source, where, exclude=exclude or (), on_bytes=advance),
            since=instant(since) if since else None,
            redact=redact,
            revive=revive,
            dry_run=dry_run,
        )
    show(loaded.as_dict(), as_json, ("Would be: " if dry_run else "Memories: ") + loaded.sentence)


@app.command(
    help="Store one memory." + EXAMPLE + 'dreams store "The spare key hangs behind the clock" --tags home,keys'
)
def store(
    content: Annotated[str, typer.Argument(help="What to remember; - reads standard input.")],
    context: Annotated[str, typer.Option(help="Where or why it was noted.")] = "",
    summary: Annotated[str, typer.Option(help="A gist.")] = "",
    tags: Annotated[str, typer.Option(help="Separated by commas.")] = "",
    as_json: AsJson = False,
) -> None:
    from memories.memory import Memory

    text = sys.stdin.read() if content == "-" else content
    with Memory() as memory:
        memory_id = memory.store(text, context=context, summary=summary, tags=words(tags))
    show({"id": str(memory_id)}, as_json, f"stored {memory_id}")


@app.command(
    help="Find memories by meaning, words and associations, each with its reasons."
    + EXAMPLE
    + 'dreams search "where is the key?" --tags home --from 2026-01-01'
)
def search(
    query: Annotated[str, typer.Argument(help="Words, or a question.")],
    k: Annotated[int, typer.Option("--results", "-k", help="How many at most.")] = 10,
    tags: Annotated[str, typer.Option(help="Only what has all of these, separated by commas.")] = "",
    agent: Annotated[
        str | None, typer.Option(help='Only memories of this agent; "default" for those that name none.')
    ] = None,
    since: Annotated[str | None, typer.Option("--from", help="Only what was made on this day or later.")] = None,
    until: Annotated[str | None, typer.Option(help="Only what was made before this day.")] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="Only what has this metadata: key=value; may be repeated.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="Search as at this instant; nothing later counts.")] = None,
    without: Annotated[list[str] | None, typer.Option(help="Leave a term of relevance out; may be repeated.")] = None,
    by_words: Annotated[bool, typer.Option("--words", help="By words and associations, without a model.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the model where it has to be started.")] = False,
    as_json: AsJson = False,
) -> None:
    from dataclasses import asdict
    from typing import cast

    from memories.memory import Memory
    from memories.models_client import Embedder
    from memories.reasons import answer_lines, respellings
    from memories.records import Filters, Term

    filters = Filters(
        tags=words(tags),
        agent=agent,
        created_from=instant(since) if since else None,
        created_until=instant(until) if until else None,
        metadata=values(where or []),
    )
    with Memory(embed=Embedder(waits=wait)) as memory:
        answer = memory.search(
            query,
            k,
            filters,
            as_of=instant(as_of) if as_of else None,
            without=cast(list[Term], without or []),
            words_only=by_words,
        )
        fates = memory.fates([result.memory.id for result in answer.results])
        if as_json:
            found = asdict(answer)
            for result in found["results"]:
                result["fate"] = fates.get(result["memory"]["id"])
            show(found, as_json, "")
            return
        for line in answer_lines(answer, fates):
            say(line)
        for sentence in respellings(answer):
            complain(sentence)
        if answer.note:
            complain(answer.note)


@app.command(
    "open",
    help="Show a memory whole; what is opened together after a search is learnt together."
    + EXAMPLE
    + "dreams open 3f2a91c0 --query-id 5b0c6a51-8f5e-4f0e-9d51-0f6f6f1f7c11",
)
def open_memory(
    memory: Reference,
    query_id: Annotated[UUID | None, typer.Option(help="The search that listed it, as that search says.")] = None,
    as_json: AsJson = False,
) -> None:
    from dataclasses import asdict

    from memories.memory import Memory
    from memories.reasons import memoir_lines

    with Memory() as opened:
        found = opened.get(memory, query_id=query_id)
    show(asdict(found), as_json, "\n".join(memoir_lines(found)))


@app.command(
    help="Say why a memory stands as it does, and with --query why a search found it." + EXAMPLE + "dreams why 3f2a91c0"
)
def why(
    memory: Reference,
    query: Annotated[str | None, typer.Option(help="A search, to see its place there and each term's share.")] = None,
    as_json: AsJson = False,
) -> None:
    from dataclasses import asdict

    from memories.memory import Memory
    from memories.reasons import explanation_lines

    with Memory() as opened:
        explanation = opened.why(memory, query)
    if as_json:
        show(asdict(explanation), as_json, "")
        return
    for line in explanation_lines(explanation):
        say(line)


@app.command(
    help="Delete a memory and every copy of it, for good: says what would go, and asks; with --now also what the disk"
    " still holds of it, as `dreams db scrub` does." + EXAMPLE + "dreams forget 3f2a91c0 --now"
)
def forget(
    memory: Reference,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    now: Annotated[bool, typer.Option("--now", help="Scrub the disk, too.")] = False,
    as_json: AsJson = False,
) -> None:
    from dataclasses import asdict, replace

    from ingest.scrub import scrub
    from memories.memory import Memory
    from memories.reasons import gist
    from memories.receipt import FOR_GOOD

    with Memory() as opened:
        going = opened.forgettable(memory)
        if not as_json:
            say(f"{going.memory.id}  {going.memory.created_at:%Y-%m-%d}  {gist(going.memory)}")
            show_table(["what goes with it", "rows"], [[part, count] for part, count in going.rows.items()])
        outcome = {"id": going.memory.id, "forgotten": False, "rows": going.rows}
        if not (yes or typer.confirm("Delete all of this, for good?", err=as_json)):
            show(outcome, as_json, "Kept.")
            return
        receipt = opened.forget(going.memory.id)
    is_left = False
    if now:
        with status("scrubbing") as on_step:
            found = scrub(wait=True, on_step=on_step)
        receipt, is_left = replace(receipt, remains=(*FOR_GOOD, *found.remains)), bool(found.again)
    done = "Forgotten. Reading its source again will not bring it back, unless you say --revive."
    show({**outcome, "forgotten": True, **asdict(receipt)}, as_json, done)
    if not as_json:
        show_table(["removed from", "rows"], [[name, count] for name, count in receipt.removed.items()])
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


@app.command(help="Give a vector to every memory that has none." + EXAMPLE + "dreams embed")
def embed(as_json: AsJson = False) -> None:
    from ingest.embed import count_waiting
    from ingest.embed import embed as embed_memories
    from ingest.embed_tags import embed_tags
    from ingest.reduce import reduce
    from memories.database import connect
    from memories.models_client import models
    from memories.settings import settings

    model = settings().embedding_model
    with connect(autocommit=True) as connection:
        waiting = count_waiting(connection, model)
        outcome: dict[str, object] = {"embedded": 0, "failed": 0}
        if waiting:
            with models() as client, bar("embedding", waiting) as advance:
                done = embed_memories(connection, client, model, advance)
                embed_tags(connection, client, model)
            reduce(connection, model)
            outcome = {"embedded": done.embedded, "failed": done.failed}
    show(outcome, as_json, f"{outcome['embedded']} memories embedded, {outcome['failed']} failed.")


@app.command(
    help="Say what each memory is about: by rule, and by ANNOTATION_MODEL where it is set."
    + EXAMPLE
    + "dreams annotate"
)
def annotate(as_json: AsJson = False) -> None:
    from ingest.annotate import annotate_chat, annotate_rules
    from ingest.settings import settings
    from memories.database import connect
    from memories.models_client import models

    model = settings().annotation_model
    with connect(autocommit=True) as connection, bar("annotating", None) as advance:
        outcome = annotate_rules(connection, advance)
        if model is not None:
            with models() as client:
                answered = annotate_chat(connection, client, model, advance)
            outcome.annotated += answered.annotated
            outcome.quarantined += answered.quarantined
    show(
        {"annotated": outcome.annotated, "quarantined": outcome.quarantined},
        as_json,
        f"{outcome.annotated} annotated, {outcome.quarantined} answers in quarantine.",
    )


@app.command(help="Dream: embed, annotate, run dbt, write back, and say what was found." + EXAMPLE + "dreams run")
def run(
    as_of: Annotated[
        str | None, typer.Option(help="Compute for another instant (ISO 8601); publishes nothing.")
    ] = None,
    full_refresh: Annotated[bool, typer.Option(help="Compute everything anew.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Say how many rows would change, and publish nothing.")] = False,
    stage: Annotated[str, typer.Option(help="working_memory, short_term, consolidation or long_term.")] = "long_term",
    parameter: Assignments = None,
    wait: Annotated[bool, typer.Option(help="Wait while another cycle runs.")] = False,
    as_json: AsJson = False,
) -> None:
    from ingest.cycle import run_cycle
    from ingest.cycle_record import STAGES
    from memories.database import connect
    from memories.migrate import migrate
    from memories.overview import findings, next_questions

    if stage not in STAGES:
        raise InputError(f"there is no stage {stage!r}: use one of {', '.join(STAGES)}")
    migrate()
    with status("dreaming") as on_step:
        cycle = run_cycle(
            stage,
            as_of=instant(as_of) if as_of else None,
            full_refresh=full_refresh,
            dry_run=dry_run,
            overrides=values(parameter or []),
            wait=wait,
            on_step=on_step,
        )
    if as_json:
        show(cycle.as_dict(), as_json, "")
    elif cycle.published:
        with connect() as connection:
            for line in findings(connection):
                say(line)
            say(f"\n{sum(cycle.rows_changed.values())} rows changed in {sum(cycle.seconds.values()):.1f} s. Try next")
            for question in next_questions(connection):
                say(f"  {question}")
    else:
        say(f"As of {cycle.as_of.isoformat(timespec='minutes')}; nothing was published.")
        rows = [[name, count, cycle.rows_changed.get(name, 0)] for name, count in cycle.row_counts.items()]
        show_table(["table", "rows", "would_change"], rows)
    if cycle.problem:
        complain(f"{cycle.problem}; this cycle dreamt without")
        raise typer.Exit(1)
    if cycle.embedding_failures:
        complain(f"{cycle.embedding_failures} memories could not be embedded; the next run tries them again.")


@cycles.callback()
def list_cycles(
    context: typer.Context,
    last: Annotated[int, typer.Option(help="How many, from the last one back.", min=1)] = 20,
    as_json: AsJson = False,
) -> None:
    from dataclasses import asdict

    from ingest.dbt import parameters
    from ingest.history import past_cycles
    from memories.database import connect
    from memories.migrate import migrate

    if context.invoked_subcommand is not None:
        return
    migrate()
    with connect() as connection:
        found = past_cycles(connection, last)
    if as_json:
        show({"cycles": [asdict(cycle) for cycle in found]}, as_json, "")
        return
    usual = parameters({})
    show_table(
        ["cycle", "as_of", "stage", "state", "rows_changed", "seconds", "parameters", "error"],
        [cycle.line(usual) for cycle in found],
    )


@cycles.command(
    help="Show again what an earlier cycle showed; no memory and no event changes."
    + EXAMPLE
    + "dreams cycles rollback 3f2a91c0"
)
def rollback(
    cycle: Annotated[str, typer.Argument(help="The cycle's id, or its first six or more characters.")],
    as_json: AsJson = False,
) -> None:
    from ingest.history import roll_back

    changed = roll_back(cycle)
    show(dict(changed), as_json, f"{sum(changed.values())} rows changed in schema dreams; the next cycle dreams anew.")


@app.command(
    help="Fit the forgetting curve to your own reviews; kept only if it foretells those left out better."
    + EXAMPLE
    + "dreams fit"
)
def fit(
    reset: Annotated[bool, typer.Option(help="Go back to the parameters the project comes with.")] = False,
    as_json: AsJson = False,
) -> None:
    from dataclasses import asdict

    from ingest import fit as fitting
    from ingest import fitted
    from memories.database import connect
    from memories.migrate import migrate

    migrate()
    if reset:
        with connect() as connection:
            fitted.reset(connection)
        show({"kept": False}, as_json, "The next cycle uses the parameters the project comes with.")
        return
    with status("fitting"):
        found = fitting.fit()
    if found.is_better:
        with connect() as connection:
            fitted.keep(connection, found.weights, found.reviews)
    losses = f"log loss {found.loss_before:.4f} before, {found.loss_after:.4f} after, on memories left out of the fit"
    sentence = "Kept; the next cycle uses them" if found.is_better else "Not kept, for they foretell no better"
    show(
        {**asdict(found), "kept": found.is_better},
        as_json,
        f"{sentence}: {losses} ({found.reviews} reviews, {found.failures} failed).",
    )


@app.command("write-back", help="Publish what a `dbt run` of your own computed." + EXAMPLE + "dreams write-back")
def write_back(as_json: AsJson = False) -> None:
    from ingest.cycle import publish_computed

    with status("writing back"):
        changed = publish_computed()
    show(dict(changed), as_json, f"{sum(changed.values())} rows changed in schema dreams.")


@app.command(help="Ask one of the canned questions; without a name, list them." + EXAMPLE + "dreams query last-week")
def query(
    name: Annotated[str | None, typer.Argument(help="The question's name.")] = None,
    parameter: Assignments = None,
    as_json: AsJson = False,
) -> None:
    from memories.database import connect
    from memories.queries import queries, run_query

    if name is None:
        rows = [[item.name, item.question, " ".join(p.name for p in item.parameters)] for item in queries().values()]
        show_table(["name", "question", "parameters"], rows, as_json)
        return
    with connect() as connection:
        columns, found_rows = run_query(connection, name, dict(assignment(text) for text in parameter or []))
    show_table(columns, found_rows, as_json)


@app.command(help="Counts, and the disk that each part uses." + EXAMPLE + "dreams stats")
def stats(as_json: AsJson = False) -> None:
    from ingest.settings import settings
    from memories.database import connect
    from memories.overview import disk_use, statistics

    with connect() as connection:
        counts = statistics(connection)
        use = disk_use(connection, {"DuckDB cache": settings().duckdb_file})
    if as_json:
        show({**counts, "disk_bytes": use}, as_json, "")
        return
    show_table(["what", "count"], [[name.replace("_", " "), value] for name, value in counts.items()])
    show_table(["disk", "megabytes"], [[name, f"{size / 1e6:.1f}"] for name, size in use.items()])


@app.command(help="Dream on schedule, with the Prefect UI." + EXAMPLE + "dreams schedule --open")
def schedule(
    open_ui: Annotated[
        bool, typer.Option("--open", help="Open the UI in your browser, signed in; also while the schedules run.")
    ] = False,
) -> None:
    from ingest.flows import HOME
    from ingest.flows.schedules import is_served
    from ingest.flows.schedules import serve as serve_schedules
    from ingest.flows.server import KEPT_IN
    from ingest.flows.sign_in import FILE, open_browser

    if open_ui and is_served():
        open_browser(HOME)
        return

    def on_ready(address: str) -> None:
        say(f"The schedules run; their UI is {address} (Ctrl-C ends them).")
        if (HOME / FILE).exists():
            say(f"`dreams schedule --open` signs your browser in to it; the password is in {HOME / KEPT_IN}.")
        if open_ui:
            open_browser(HOME)

    serve_schedules(complain, on_ready)


@app.command(
    help="Serve memories (/v1/memories) and models (Ollama's and OpenAI's protocols) over HTTP."
    + EXAMPLE
    + "dreams serve"
)
def serve() -> None:
    try:
        from sidecar.serve import serve as serve_models
        from sidecar.settings import settings
    except ModuleNotFoundError as error:
        raise InputError(f"the sidecar is not installed ({error.name} is missing): pip install '.[sidecar]'") from error
    serve_models(settings(), lambda address, names: say(f"{', '.join(names)} at {address} (Ctrl-C ends it)."))


@app.command(
    help="Serve the memories to an assistant (Model Context Protocol), over standard input and output."
    + EXAMPLE
    + "dreams mcp --http"
)
def mcp(
    http: Annotated[bool, typer.Option("--http", help="Over streamable HTTP instead.")] = False,
    host: Annotated[str, typer.Option(help="With --http; any but this machine's loopback demands MCP_API_KEY.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="With --http; 0 takes a free one.", min=0, max=65535)] = 11436,
) -> None:
    from memories.mcp_server import configuration, serve_http, serve_stdio
    from memories.settings import settings

    def on_ready(url: str, key: str) -> None:
        say(f"Memories at {url} (Ctrl-C ends it).")
        if settings().mcp_api_key is None:
            say(f"For the assistant's configuration, with the key of this store:\n{configuration(url, key)}")

    if http:
        serve_http(host, port, settings(), on_ready)
    else:
        serve_stdio(settings())


@app.command(
    help="Write memories and events as the JSON lines that `dreams ingest jsonl` reads."
    + EXAMPLE
    + "dreams export > memories.jsonl"
)
def export() -> None:
    from memories.database import connect
    from memories.export import export as lines

    with connect() as connection:
        for line in lines(connection):
            sys.stdout.write(line + "\n")


@app.command(
    help="Check every part and say what to mend; exit code 1 when something is wrong." + EXAMPLE + "dreams health"
)
def health(
    biology: Annotated[
        bool, typer.Option(help="What was dreamt in figures, beside the ranges of docs/biology.md.")
    ] = False,
    as_report: Annotated[
        bool, typer.Option("--report", help="Print what to send with a report; no memory is in it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    from ingest.health import checks, report
    from memories.database import connect
    from memories.monitor import readings

    if biology:
        with connect() as connection:
            found = readings(connection)
        rows = [[each.figure, each.value, each.low, each.high, each.is_within] for each in found]
        show_table(["figure", "value", "from", "to", "ok"], rows, as_json)
        if not all(each.is_within for each in found):
            raise typer.Exit(1)
        return
    if as_report:
        for line in report():
            say(line)
        return
    results = list(checks())
    show_table(["part", "ok", "detail"], [[check.part, check.ok, check.detail] for check in results], as_json)
    if not all(check.ok for check in results):
        raise typer.Exit(1)


@app.callback()
def options(context: typer.Context, debug: Annotated[bool, typer.Option(help="Show tracebacks.")] = False) -> None:
    """Shared by all commands; `main` looks for --debug itself, since it also covers errors in parsing."""
    from memories.settings import settings

    # `dreams health` says itself what is wrong with DREAMS_HOME, and help needs none.
    if context.invoked_subcommand != "health" and "--help" not in sys.argv:
        close_to_others(settings().dreams_home)


def main() -> None:
    """Runs the command; an error is one sentence on standard error and an exit code, never a traceback."""
    keep_to_owner()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    debug = "--debug" in sys.argv
    if debug and sys.argv[1] != "--debug":
        sys.argv.remove("--debug")
        sys.argv.insert(1, "--debug")
    try:
        with one_sentence(complain, debug=debug):
            app(standalone_mode=True)
    except SystemExit as end:
        if end.code == INTERRUPTED and not isinstance(end.__cause__, KeyboardInterrupt):
            complain("interrupted; what was finished is kept, run the same command to go on")
        raise


if __name__ == "__main__":
    main()
