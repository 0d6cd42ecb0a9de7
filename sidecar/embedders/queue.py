"""Runs each model in one thread, and batches the requests that wait for it."""

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from memories.errors import InputError, ModelError
from sidecar.embedders.protocol import EmbeddingModel, Vectors


class Embedded(NamedTuple):
    """One request's vectors, and how many tokens of its texts the model read."""

    vectors: Vectors
    token_count: int


@dataclass(slots=True)
class Batch:
    """Texts of requests that arrived while the model was busy; `vectors` is set once they are embedded."""

    texts: list[str] = field(default_factory=list)
    vectors: Vectors | None = None
    failed: bool = False


class ServedModel:
    """An embedder and the only thread that runs it; batches small requests that wait together."""

    def __init__(self, embedder: EmbeddingModel, aliases: Iterable[str], batch_texts: int) -> None:
        self.embedder = embedder
        self.names = (embedder.name, *aliases)
        self.unanswered_texts = 0
        self._batch_texts = batch_texts
        self._open = Batch()
        self._turn = asyncio.Lock()
        self._owner = ThreadPoolExecutor(max_workers=1, thread_name_prefix=embedder.name)

    async def embed(self, texts: Sequence[str], truncate: bool = True) -> Embedded:
        """Embeds all texts or none. Raises InputError when `truncate` is off and a text is too long."""
        counts = await asyncio.to_thread(self.embedder.count_tokens, texts)
        limit = self.embedder.context_tokens
        if not truncate and max(counts, default=0) > limit:
            raise InputError(
                f"Shorten the input to {limit} tokens or allow truncation: the longest text has {max(counts)}."
            )
        self.unanswered_texts += len(texts)
        try:
            vectors = await self._encode(texts)
        finally:
            self.unanswered_texts -= len(texts)
        return Embedded(vectors, sum(min(count, limit) for count in counts))

    async def _encode(self, texts: Sequence[str]) -> Vectors:
        batch = self._batch_for(texts)
        rows = slice(len(batch.texts), len(batch.texts) + len(texts))
        batch.texts.extend(texts)
        async with self._turn:
            if batch.vectors is None and not batch.failed:
                self._open = Batch()
                await self._work(batch)
            if batch.vectors is None:
                return await self._run(texts)
        return batch.vectors[rows]

    def _batch_for(self, texts: Sequence[str]) -> Batch:
        if self._open.texts and len(self._open.texts) + len(texts) > self._batch_texts:
            self._open = Batch()
        return self._open

    async def _work(self, batch: Batch) -> None:
        """Embeds a batch; marks one that fails, so that each of its requests is tried by itself."""
        try:
            batch.vectors = await self._run(batch.texts)
        except ModelError:
            batch.failed = True

    async def _run(self, texts: Sequence[str]) -> Vectors:
        return await asyncio.get_running_loop().run_in_executor(self._owner, self.embedder.encode, texts)

    def close(self) -> None:
        self._owner.shutdown(cancel_futures=True)
