"""The `dreams` command line, assembled from the modules in `commands`."""

import logging
import signal
import sys
from typing import Annotated

import typer

from commands import ask, chat, cycles, database, dream, models, remember, report, serve
from commands.terminal import complain, misuse
from memories.faults import INTERRUPTED, one_sentence
from memories.home import close_to_others, keep_to_owner

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A memory for assistants and the people who use them: store, dream, ask.",
)
for chapter in (remember, ask, chat, report, dream, serve):
    app.add_typer(chapter.app)
app.add_typer(database.app, name="db")
app.add_typer(cycles.app, name="cycles")
app.add_typer(models.app, name="models")


@app.callback()
def options(context: typer.Context, debug: Annotated[bool, typer.Option(help="Show tracebacks.")] = False) -> None:
    """Options of every command; `main` looks for --debug itself, since it also covers parsing errors."""
    from memories.settings import settings

    # `dreams health` itself reports what is wrong with DREAMS_HOME, and --help does not need it.
    if context.invoked_subcommand != "health" and "--help" not in sys.argv:
        close_to_others(settings().dreams_home)


def main() -> None:
    """Runs the command; an error prints one sentence to standard error and sets the exit code."""
    keep_to_owner()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    debug = "--debug" in sys.argv
    if debug and sys.argv[1] != "--debug":
        sys.argv.remove("--debug")
        sys.argv.insert(1, "--debug")
    try:
        with one_sentence(complain, debug=debug):
            raise SystemExit(_run())
    except SystemExit as end:
        if end.code == INTERRUPTED and not isinstance(end.__cause__, KeyboardInterrupt):
            complain("interrupted; what was finished is kept, run the same command to go on")
        raise


def _run() -> int:
    """Runs what was typed, and returns the exit code."""
    try:
        return app(standalone_mode=False) or 0
    except typer.TyperException as error:
        if sentence := misuse(error):
            complain(sentence)
        return error.exit_code
    except typer.Abort:
        typer.echo(err=True)
        complain("nothing was done")
        return 1


if __name__ == "__main__":
    main()
