"""The command that writes reports: `dreams report`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.parameters import EXAMPLE, NOT_RECORDED, AsJson
from commands.terminal import complain, instant, say, show, words
from memories.errors import InputError

if TYPE_CHECKING:
    from sidecar.reports.report import Report

app = typer.Typer()


@app.command(
    help="Report what the memories say on something, or on the last seven days, in quotations that are each cited; "
    "exit code 4 when nothing is recorded."
    + EXAMPLE
    + 'dreams report "what happened with the pumps?" --html pumps.html'
)
def report(
    question: Annotated[str, typer.Argument(help="A question, or what the report is about.")] = "",
    week: Annotated[
        bool, typer.Option("--week", help="Report on the last seven days, and keep it in DREAMS_HOME/reports.")
    ] = False,
    since: Annotated[str | None, typer.Option("--from", help="Only memories created on this day or later.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Only memories created before this day.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report to this file, as one HTML page.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the report to this file, as Markdown.")] = None,
    tags: Annotated[str, typer.Option(help="Only memories with all these tags, separated by commas.")] = "",
    agent: Annotated[
        str | None, typer.Option(help='Only memories of this agent; "default" for those that name none.')
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="Report as of this instant; nothing later counts.")] = None,
    by_words: Annotated[bool, typer.Option("--words", help="Use words and associations, without a model.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the model if it has to start.")] = False,
    as_json: AsJson = False,
) -> None:
    from dataclasses import asdict

    from memories.embedding.embedder import Embedder
    from memories.memory import Memory
    from memories.records import Filters
    from sidecar.reports import files
    from sidecar.reports.html import html as as_html
    from sidecar.reports.markdown import markdown as as_markdown
    from sidecar.reports.period import report_on_week
    from sidecar.reports.question import report_on

    if week == bool(question.strip()):
        raise InputError('say what to report on, such as "what happened with the pumps?", or give --week')
    if week and (since or until or tags):
        raise InputError("the report on a week is of all its memories: leave out --from, --to and --tags")
    at = instant(as_of) if as_of else None
    with Memory(embed=Embedder(waits=wait)) as memory:
        if week:
            written = report_on_week(memory, as_of=at, agent=agent)
        else:
            since_at, until_at = (instant(given) if given else None for given in (since, until))
            filters = Filters(words(tags), agent, since_at, until_at)
            written = report_on(memory, question, filters, as_of=at, words_only=by_words)
    made = [(file, text(written)) for file, text in ((markdown, as_markdown), (html, as_html)) if file]
    for file, content in made:
        files.write(file, content)
    kept = [file for file, _ in made] + (list(files.keep(written)) if week and written.is_recorded else [])
    if as_json:
        show({**asdict(written), "files": kept}, as_json, "")
    else:
        _say(written, kept)
    if not written.is_recorded:
        raise typer.Exit(NOT_RECORDED)


def _say(written: "Report", kept: Sequence[Path]) -> None:
    """Says where the report is kept, or the report itself, and what limits it."""
    from sidecar.reports.markdown import markdown

    for file in kept:
        say(f"Written to {file}.")
    if not kept:
        say(markdown(written).rstrip())
    if written.note:
        complain(written.note)
    if kept and not written.is_recorded:
        complain("nothing is recorded on this; the report says what comes nearest")
