"""Embeds texts with whichever model server is available."""

from collections.abc import Sequence
from threading import Lock

import httpx
import numpy

from memories.embedding.servers import Server, background, client_of, running, start
from memories.embedding.vectors import Vectors
from memories.errors import ModelError, ModelUnreachable
from memories.settings import StoreSettings, settings

QUERY_TIMEOUT_SECONDS = 60


class Embedder:
    """Embeds texts with whichever server is available. Thread-safe.

    Unless it `waits`, it starts a missing sidecar and raises ModelUnreachable instead of waiting to embed.
    """

    def __init__(self, store: StoreSettings | None = None, *, waits: bool = True) -> None:
        self._store = store or settings()
        self._waits = waits
        self._finding = Lock()
        self._client: httpx.Client | None = None

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Returns a vector per text, of shape (texts, dimensions).

        Raises ModelUnreachable when no server answers in time, and ModelError when it cannot embed these texts.
        """
        client = self.find()
        try:
            return self._ask(client, texts)
        except httpx.RequestError as error:
            self._lost(client)
            if self._store.ollama_url is not None:
                raise ModelUnreachable(
                    f"nothing answers at OLLAMA_URL ({type(error).__name__}): start it, or unset it to use the sidecar"
                ) from error
        # A sidecar exits when it has been idle for a while: perhaps just now.
        try:
            return self._ask(self.find(), texts)
        except httpx.RequestError as error:
            raise ModelUnreachable(f"the sidecar went away ({type(error).__name__}): ask again") from error

    def is_ready(self) -> bool:
        """Whether it can embed without starting anything."""
        return self._client is not None or running(self._store) is not None

    def close(self) -> None:
        with self._finding:
            if self._client is not None:
                self._client.close()
                self._client = None

    def find(self) -> httpx.Client:
        """Finds or starts a server and returns a client of it. Raises ModelUnreachable when there is none."""
        with self._finding:
            if self._client is None:
                self._client = client_of(self._server(), QUERY_TIMEOUT_SECONDS)
            return self._client

    def _server(self) -> Server:
        if self._waits:
            return background(self._store)
        server = running(self._store)
        if server is None:
            start(self._store)
            raise ModelUnreachable("the model is being started: ask again in a few seconds, or wait for it with --wait")
        return server

    def _lost(self, client: httpx.Client) -> None:
        with self._finding:
            if self._client is client:
                self._client = None

    def _ask(self, client: httpx.Client, texts: Sequence[str]) -> Vectors:
        model = self._store.embedding_model
        answer = client.post("/api/embed", json={"model": model, "input": list(texts)})
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise ModelUnreachable(f"the server has no model {model!r}: pull it, or set EMBEDDING_MODEL")
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise ModelUnreachable("the sidecar wants its key: set SIDECAR_API_KEY to the one it was started with")
        try:
            body = answer.json()
            if answer.is_error:
                raise ModelError(f"{answer.status_code}: {body['error']}")
            return numpy.asarray(body["embeddings"], dtype=numpy.float32)
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{answer.status_code}: what answers at {client.base_url} is no Ollama") from error
