"""The generators that this installation offers, by name; none is loaded before it is asked."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from memories.embedding.servers import ollama_address
from memories.home import FILE_MODE, home, make_folder
from memories.settings import settings as store_settings
from sidecar.generators import extractive, model_folder, smollm2
from sidecar.generators.ollama_server import OllamaServer
from sidecar.generators.openai_server import OpenAIServer
from sidecar.generators.protocol import Generator, ModelCard
from sidecar.generators.queue import ReplyLimits, ServedGenerator
from sidecar.generators.remote import RemoteServer
from sidecar.settings import SidecarSettings


def of_this_machine(settings: SidecarSettings) -> list[ServedGenerator]:
    """The model of SIDECAR_MODEL first, if one is given, SmolLM2 if its wheel is installed, and the one that quotes.

    Raises UnloadableModel when the folder holds no whole model.
    """
    limits = _limits(settings)
    offered = [] if settings.model is None else [_of_folder(settings.model, limits)]
    if smollm2.is_installed():
        aliases = (f"{smollm2.NAME}:latest", "smollm2")
        offered.append(ServedGenerator(smollm2.CARD, smollm2.load, limits, aliases))
    return [*offered, ServedGenerator(extractive.CARD, extractive.Extractive, limits)]


def elsewhere(settings: SidecarSettings) -> dict[str, Callable[[str], ServedGenerator]]:
    """The servers whose models are served here too, by the prefix of their names."""
    limits = _limits(settings)
    found: dict[str, Callable[[str], ServedGenerator]] = {}
    ollama_url = store_settings().ollama_url
    if ollama_url is not None:
        ollama = RemoteServer(ollama_address(ollama_url), "OLLAMA_URL")
        found["ollama"] = partial(_of_server, "ollama", ollama, OllamaServer, limits)
    if settings.openai_base_url is not None:
        openai = RemoteServer(settings.openai_base_url, "OPENAI_BASE_URL", settings.openai_api_key, "OPENAI_API_KEY")
        found["openai"] = partial(_of_server, "openai", openai, OpenAIServer, limits)
    return found


def _limits(settings: SidecarSettings) -> ReplyLimits:
    return ReplyLimits(settings.parallel_replies, settings.waiting_replies, settings.reply_seconds)


def _of_folder(folder: Path, limits: ReplyLimits) -> ServedGenerator:
    card = model_folder.describe(folder)
    return ServedGenerator(card, partial(_load, folder), limits, (f"{card.name}:latest",))


def _load(folder: Path) -> Generator:
    # Imported here: transformers takes seconds, which a sidecar that only embeds does not have.
    from sidecar.generators import causal_model

    return causal_model.load(folder)


def _of_server(
    prefix: str, server: RemoteServer, kind: Callable[[RemoteServer, str], Generator], limits: ReplyLimits, name: str
) -> ServedGenerator:
    """The model `name` of a server elsewhere; its replies wait there, not for one another here."""
    card = ModelCard(f"{prefix}/{name}", prefix, capabilities=("completion", "tools"))
    return ServedGenerator(card, partial(kind, server, name), limits, threads=limits.parallel)


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
    return store_settings().dreams_home / "generators" / "chosen"
