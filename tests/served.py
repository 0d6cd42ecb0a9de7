"""Serves the current settings' store over HTTP with an embedder and a generator without models, and searches it."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import httpx
import pytest

from memories.embedding.vectors import Vectors
from memories.serving.http_server import http_server
from sidecar.api.app import create_app
from sidecar.embedders.queue import ServedModel
from sidecar.generators import extractive
from sidecar.generators.protocol import End, GenerationRequest, ModelCard, Piece
from sidecar.generators.queue import ServedGenerator
from sidecar.registry import Registry
from sidecar.settings import SidecarSettings
from sidecar.store import ServedStore
from tests.conftest import forget_settings, use
from tests.embedders import DIMENSIONS, word_counts


class WordCounts:
    """Embeds texts by the words that they contain; one without words points nowhere in particular."""

    name = "all-minilm"
    family = "counts"
    dimensions = DIMENSIONS
    context_tokens = 256
    parameter_count = 0
    size_bytes = 0
    digest = "0" * 64

    def text_of(self, token_ids: Sequence[int]) -> str | None:
        return None

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def encode(self, texts: Sequence[str]) -> Vectors:
        return word_counts(texts)


class Scripted:
    """Says `text`, a word a piece, to whatever it is asked, and keeps the requests."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.requests: list[GenerationRequest] = []

    def generate(self, request: GenerationRequest) -> Iterator[Piece]:
        self.requests.append(request)
        words = self.text.split(" ")
        for place, word in enumerate(words):
            yield Piece(word if place == 0 else f" {word}")
        yield Piece(end=End("stop", 1, len(words)))


@contextmanager
def serving(scripted: Scripted | None = None, **settings: object) -> Iterator[httpx.Client]:
    """A client of a sidecar that serves the current settings' store, and as `scripted` what a test lets it say."""
    generators = [ServedGenerator(extractive.CARD, extractive.Extractive)]
    if scripted is not None:
        generators.append(ServedGenerator(ModelCard("scripted", "test"), lambda: scripted))
    registry = Registry([ServedModel(WordCounts(), (), 64)], generators)
    store = ServedStore(registry)
    app = create_app(registry, SidecarSettings(_env_file=None, **settings), store)  # type: ignore[call-arg, arg-type]
    server = http_server(app, lifespan="off")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=60) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()
            store.close()
            registry.close()


@contextmanager
def serving_memories(url: str, folder: Path, contents: Sequence[str], scripted: Scripted) -> Iterator[httpx.Client]:
    """Serves a new store with these memories, to which the settings then point, where the commands find it."""
    with pytest.MonkeyPatch.context() as patch:
        use(url, folder / "memory.duckdb", patch)
        with serving(scripted) as client:
            patch.setenv("SIDECAR_PORT", str(client.base_url.port))
            forget_settings()
            for content in contents:
                client.post("/v1/memories", json={"content": content}).raise_for_status()
            yield client
    forget_settings()


def found(client: httpx.Client, query: str, **more: object) -> list[str]:
    answer = client.post("/v1/memories/search", json={"query": query, **more})
    assert answer.status_code == 200, answer.text
    return [result["memory"]["id"] for result in answer.json()["results"]]
