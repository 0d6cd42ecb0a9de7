"""The generators that this installation offers, by name; none is loaded before it is asked."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from memories.home import FILE_MODE, home, make_folder
from memories.settings import settings
from sidecar.generators import smollm2
from sidecar.generators.ollama_server import OllamaServer
from sidecar.generators.openai_server import OpenAIServer
from sidecar.generators.protocol import Generator, ModelCard
from sidecar.generators.queue import ReplyLimits, ServedGenerator
from sidecar.generators.remote import RemoteServer


def of_this_machine(folder: Path | None, limits: ReplyLimits) -> list[ServedGenerator]:
    """The model of `folder` first, if one is given, and SmolLM2 if its wheel is installed.

    Raises UnloadableModel when the folder holds no whole model.
    """
    offered = [] if folder is None else [of_folder(folder, limits)]
    if smollm2.is_installed():
        aliases = (f"{smollm2.NAME}:latest", "smollm2")
        offered.append(ServedGenerator(smollm2.CARD, smollm2.load, limits, aliases))
    return offered


def of_folder(folder: Path, limits: ReplyLimits) -> ServedGenerator:
    """A model folder under its own name. Raises UnloadableModel when it holds no whole model."""
    # Imported here: transformers takes seconds, which a sidecar that only embeds does not have.
    from sidecar.generators import model_folder

    card = model_folder.describe(folder)
    return ServedGenerator(card, partial(model_folder.load, folder), limits, (f"{card.name}:latest",))


def of_server(
    prefix: str, server: RemoteServer, kind: Callable[[RemoteServer, str], Generator], limits: ReplyLimits
) -> Callable[[str], ServedGenerator]:
    """Makes the generator `prefix/NAME` of a server elsewhere; its replies wait there, not for one another here."""

    def made(name: str) -> ServedGenerator:
        card = ModelCard(f"{prefix}/{name}", prefix, capabilities=("completion", "tools"))
        return ServedGenerator(card, partial(kind, server, name), limits, threads=limits.parallel)

    return made


def of_ollama(url: str, limits: ReplyLimits) -> Callable[[str], ServedGenerator]:
    return of_server("ollama", RemoteServer(url, "OLLAMA_URL"), OllamaServer, limits)


def of_openai(server: RemoteServer, limits: ReplyLimits) -> Callable[[str], ServedGenerator]:
    return of_server("openai", server, OpenAIServer, limits)


def chosen() -> str | None:
    """The name of the generator that `dreams models use` has made the default; None when none was chosen."""
    try:
        return _chosen_file().read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def choose(name: str) -> None:
    """Makes a generator the default of every sidecar that starts from now on."""
    home()
    make_folder(_chosen_file().parent)
    unfinished = _chosen_file().with_name(f"chosen.{os.getpid()}")
    unfinished.touch(mode=FILE_MODE)
    unfinished.write_text(name, encoding="utf-8")
    unfinished.rename(_chosen_file())


def _chosen_file() -> Path:
    return settings().dreams_home / "generators" / "chosen"
