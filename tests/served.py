"""Serves the current settings' store over HTTP with an embedder without a model, and searches it."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Thread

import httpx

from memories.embedding.vectors import Vectors
from memories.serving.http_server import http_server
from sidecar.api.app import create_app
from sidecar.embedders.queue import ServedModel
from sidecar.registry import Registry
from sidecar.settings import SidecarSettings
from sidecar.store import ServedStore
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


@contextmanager
def serving(**settings: object) -> Iterator[httpx.Client]:
    """A client of a sidecar that serves the current settings' store."""
    registry = Registry([ServedModel(WordCounts(), (), 64)])
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


def found(client: httpx.Client, query: str, **more: object) -> list[str]:
    answer = client.post("/v1/memories/search", json={"query": query, **more})
    assert answer.status_code == 200, answer.text
    return [result["memory"]["id"] for result in answer.json()["results"]]
