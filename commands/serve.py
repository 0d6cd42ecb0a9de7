"""Commands that run until they are interrupted: the schedules, the sidecar, the MCP server."""

from pathlib import Path
from typing import Annotated

import typer

from commands.parameters import EXAMPLE
from commands.terminal import complain, say
from memories.errors import InputError, StoreError

app = typer.Typer()


@app.command(help="Dream on schedule, with the Prefect UI." + EXAMPLE + "dreams schedule --open")
def schedule(
    open_ui: Annotated[
        bool, typer.Option("--open", help="Open the UI in your browser, signed in; also if the schedules already run.")
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
    + "dreams serve --model ~/models/Qwen3-0.6B"
)
def serve(
    model: Annotated[
        Path | None, typer.Option(help="Folder of a causal model, as transformers saves it; it is the default model.")
    ] = None,
) -> None:
    from memories.postgres.database import connect
    from memories.postgres.migrate import migrate
    from memories.views.overview import statistics

    try:
        from sidecar.serve import serve as serve_models
        from sidecar.settings import settings
    except ModuleNotFoundError as error:
        raise InputError(f"the sidecar is not installed ({error.name} is missing): pip install '.[sidecar]'") from error

    def on_ready(address: str, names: list[str]) -> None:
        say(f"Memories, and {', '.join(names)}, at {address} (Ctrl-C ends it); {address}/docs shows what to ask.")
        try:
            migrate()
            with connect() as connection:
                say(f"The store holds {statistics(connection)['total_memories']} memories.")
        except StoreError as error:
            complain(f"{error}; until then only the models answer")

    chosen = settings() if model is None else settings().model_copy(update={"model": model.expanduser().absolute()})
    serve_models(chosen, on_ready)


@app.command(
    help="Serve the memories to an assistant (Model Context Protocol), over standard input and output."
    + EXAMPLE
    + "dreams mcp --http"
)
def mcp(
    http: Annotated[bool, typer.Option("--http", help="Serve over streamable HTTP instead.")] = False,
    host: Annotated[str, typer.Option(help="With --http; any address but loopback requires MCP_API_KEY.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="With --http; 0 picks a free port.", min=0, max=65535)] = 11436,
) -> None:
    from memories.mcp.server import configuration, serve_http, serve_stdio
    from memories.settings import settings

    def on_ready(url: str, key: str) -> None:
        say(f"Memories at {url} (Ctrl-C ends it).")
        if settings().mcp_api_key is None:
            say(f"For the assistant's configuration, with the key of this store:\n{configuration(url, key)}")

    if http:
        serve_http(host, port, settings(), on_ready)
    else:
        serve_stdio(settings())
