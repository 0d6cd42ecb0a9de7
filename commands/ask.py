"""Commands that question the store: ask, search, why, query, stats, health."""

from typing import Annotated

import typer

from commands.parameters import EXAMPLE, NOT_RECORDED, AsJson, Assignments, Reference
from commands.terminal import assignment, complain, instant, say, show, show_table, status, values, words
from memories.records import EXTRACTIVE

app = typer.Typer()


@app.command(
    help="Find memories by meaning, words and associations, each with its reasons."
    + EXAMPLE
    + 'dreams search "where is the key?" --tags home --from 2026-01-01'
)
def search(
    query: Annotated[str, typer.Argument(help="Words or a question.")],
    k: Annotated[int, typer.Option("--results", "-k", help="Maximum number of results.")] = 10,
    tags: Annotated[str, typer.Option(help="Only memories with all these tags, separated by commas.")] = "",
    agent: Annotated[
        str | None, typer.Option(help='Only memories of this agent; "default" for those that name none.')
    ] = None,
    since: Annotated[str | None, typer.Option("--from", help="Only memories created on this day or later.")] = None,
    until: Annotated[str | None, typer.Option(help="Only memories created before this day.")] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="Only memories with this metadata: key=value; may be repeated.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="Search the store as it was at this instant.")] = None,
    without: Annotated[list[str] | None, typer.Option(help="Leave a term of relevance out; may be repeated.")] = None,
    by_words: Annotated[bool, typer.Option("--words", help="Use words and associations, without a model.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the model if it has to start.")] = False,
    as_json: AsJson = False,
) -> None:
    from dataclasses import asdict
    from typing import cast

    from memories.embedding.embedder import Embedder
    from memories.memory import Memory
    from memories.records import Filters, Term
    from memories.views.reasons import answer_lines, respellings

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
    help="Answer a question with sentences of your memories, each cited; exit code 4 when they do not hold the answer."
    + EXAMPLE
    + 'dreams ask "what did we decide about the pumps?"'
)
def ask(
    question: Annotated[str, typer.Argument(help="A question.")],
    tags: Annotated[str, typer.Option(help="Only memories with all these tags, separated by commas.")] = "",
    agent: Annotated[
        str | None, typer.Option(help='Only memories of this agent; "default" for those that name none.')
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="Answer as of this instant; nothing later counts.")] = None,
    generator: Annotated[
        str,
        typer.Option(help="Who words the answer (`dreams models` lists them); what the quotes do not say is dropped."),
    ] = EXTRACTIVE,
    by_words: Annotated[bool, typer.Option("--words", help="Use words and associations, without a model.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the model if it has to start.")] = False,
    as_json: AsJson = False,
) -> None:
    from dataclasses import asdict

    from commands.served_generator import served_generator
    from memories.embedding.embedder import Embedder
    from memories.evidence.asking import ask as ask_memories
    from memories.evidence.model_words import MOST_TOKENS, prompt, worded
    from memories.evidence.wording import reply_lines
    from memories.memory import Memory
    from memories.records import Filters

    with Memory(embed=Embedder(waits=wait)) as memory, served_generator(generator) as model:
        reply = ask_memories(
            memory,
            question,
            Filters(tags=words(tags), agent=agent),
            as_of=instant(as_of) if as_of else None,
            words_only=by_words,
        )
        if model is not None and reply.is_answered:
            asked = prompt(reply, memory.quoter())
            with status(f"{model.name} words the answer"):
                pieces = model.reply([("system", asked.instruction), ("user", asked.message)], MOST_TOKENS)
                reply = worded(reply, model.name, "".join(pieces))
    if as_json:
        show({**asdict(reply), "is_answered": reply.is_answered}, as_json, "")
    else:
        for line in reply_lines(reply):
            say(line)
        if reply.note:
            complain(reply.note)
    if not reply.is_answered:
        raise typer.Exit(NOT_RECORDED)


@app.command(
    help="Explain the state of a memory, and with --query why a search found it." + EXAMPLE + "dreams why 3f2a91c0"
)
def why(
    memory: Reference,
    query: Annotated[str | None, typer.Option(help="A search: adds the memory's rank and each term's share.")] = None,
    as_json: AsJson = False,
) -> None:
    from dataclasses import asdict

    from memories.memory import Memory
    from memories.views.reasons import explanation_lines

    with Memory() as opened:
        explanation = opened.why(memory, query)
    if as_json:
        show(asdict(explanation), as_json, "")
        return
    for line in explanation_lines(explanation):
        say(line)


@app.command(help="Ask one of the canned questions; without a name, list them." + EXAMPLE + "dreams query last-week")
def query(
    name: Annotated[str | None, typer.Argument(help="The question's name.")] = None,
    parameter: Assignments = None,
    as_json: AsJson = False,
) -> None:
    from memories.postgres.database import connect
    from memories.views.queries import queries, run_query

    if name is None:
        rows = [[item.name, item.question, " ".join(p.name for p in item.parameters)] for item in queries().values()]
        show_table(["name", "question", "parameters"], rows, as_json)
        return
    with connect() as connection:
        columns, found_rows = run_query(connection, name, dict(assignment(text) for text in parameter or []))
    show_table(columns, found_rows, as_json)


@app.command(help="Show counts, and the disk space that each part uses." + EXAMPLE + "dreams stats")
def stats(as_json: AsJson = False) -> None:
    from ingest.settings import settings
    from memories.postgres.database import connect
    from memories.views.overview import disk_use, statistics

    with connect() as connection:
        counts = statistics(connection)
        use = disk_use(connection, {"DuckDB cache": settings().duckdb_file})
    if as_json:
        show({**counts, "disk_bytes": use}, as_json, "")
        return
    show_table(["what", "count"], [[name.replace("_", " "), value] for name, value in counts.items()])
    show_table(["disk", "megabytes"], [[name, f"{size / 1e6:.1f}"] for name, size in use.items()])


@app.command(
    help="Check every part and say what to fix; exit code 1 when something is wrong." + EXAMPLE + "dreams health"
)
def health(
    biology: Annotated[
        bool, typer.Option(help="Compare the dream cycle's figures with the ranges of docs/biology.md.")
    ] = False,
    as_report: Annotated[
        bool, typer.Option("--report", help="Print what to send with a bug report; it contains no memory.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    from ingest.health import checks, report
    from memories.postgres.database import connect
    from memories.views.monitor import readings

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
