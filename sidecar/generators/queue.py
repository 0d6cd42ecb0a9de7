"""Loads each generator when it is first asked, runs it in one thread, and queues the requests for it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import asynccontextmanager
from time import perf_counter
from types import GeneratorType
from typing import NamedTuple

from sidecar.generators.errors import QueueFull, ReplyTimedOut
from sidecar.generators.protocol import GenerationRequest, Generator, ModelCard, Piece


class ReplyLimits(NamedTuple):
    """How many replies are generated at once, how many requests may wait for that, and how long a reply may take."""

    parallel: int = 16
    waiting: int = 64
    seconds: float = 600.0


class ServedGenerator:
    """A generator and its owner thread, which takes one step of each reply in turn.

    A step is the work between two pieces. A generator whose iterators may run at the same time, such as one that
    only waits for another server, is given more `threads`.
    """

    def __init__(
        self,
        card: ModelCard,
        load: Callable[[], Generator],
        limits: ReplyLimits | None = None,
        aliases: Iterable[str] = (),
        threads: int = 1,
    ) -> None:
        self.card = card
        self.limits = limits or ReplyLimits()
        self.names = (card.name, *aliases)
        self.running = 0
        self.waiting = 0
        self.load_seconds = 0.0
        self._load = load
        self._loaded: Generator | None = None
        self._loading = asyncio.Lock()
        self._turns = asyncio.Semaphore(self.limits.parallel)
        self._owner = ThreadPoolExecutor(max_workers=threads, thread_name_prefix=card.name)

    @property
    def is_loaded(self) -> bool:
        return self._loaded is not None

    async def load(self) -> Generator:
        """Loads the model unless it is loaded. Raises ModelError when it cannot be."""
        async with self._loading:
            if self._loaded is None:
                started = perf_counter()
                self._loaded = await asyncio.get_running_loop().run_in_executor(self._owner, self._load)
                self.load_seconds = perf_counter() - started
            return self._loaded

    def unload(self) -> None:
        """Lets go of the model, which is freed when the replies that use it have ended; the next request loads it."""
        self._loaded = None

    async def reply(self, request: GenerationRequest) -> AsyncGenerator[Piece]:
        """The pieces of one reply; closing the iterator cancels it within one step.

        Raises QueueFull when too many wait, ReplyTimedOut when it takes too long, InvalidRequest and ModelError as the
        generator does.
        """
        async with self._turn():
            generator = await self.load()
            pieces = generator.generate(request)
            deadline = asyncio.get_running_loop().time() + self.limits.seconds
            step = self._owner.submit(next, pieces, None)
            try:
                while True:
                    async with self._until(deadline):
                        piece = await asyncio.wrap_future(step)
                    if piece is None:
                        return
                    yield piece
                    step = self._owner.submit(next, pieces, None)
            finally:
                # Not awaited: a cancelled task must not wait.
                self._owner.submit(_close_after, step, pieces)

    @asynccontextmanager
    async def _until(self, deadline: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout_at(deadline):
                yield
        except TimeoutError as error:
            raise ReplyTimedOut(
                f"The reply took longer than {self.limits.seconds:g} s: ask for fewer tokens, or raise "
                "SIDECAR_REPLY_SECONDS."
            ) from error

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._turns.locked():
            if self.waiting >= self.limits.waiting:
                raise QueueFull(f"{self.card.name} has {self.waiting} requests waiting: ask again later.")
            self.waiting += 1
            try:
                async with self._until(asyncio.get_running_loop().time() + self.limits.seconds):
                    await self._turns.acquire()
            finally:
                self.waiting -= 1
        else:
            await self._turns.acquire()
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            self._turns.release()

    def close(self) -> None:
        """Ends the owner thread after the step it is taking."""
        self._owner.shutdown(cancel_futures=True)


def _close_after(step: "Future[Piece | None]", pieces: Iterator[Piece]) -> None:
    """Closes a reply's iterator once no thread is advancing it."""
    wait([step])
    if isinstance(pieces, GeneratorType):
        pieces.close()
