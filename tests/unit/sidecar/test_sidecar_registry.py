"""Tests batching of concurrent requests to one model, with a stub embedder that records them."""

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from memories.errors import InputError, ModelError
from sidecar.embedders.protocol import EmbeddingModel, Vectors
from sidecar.embedders.queue import Embedded, ServedModel
from sidecar.registry import Registry, UnknownModelError


class LengthEmbedder:
    """Embeds a text as the sine and cosine of its length; refuses "bad" and blocks on "slow" until released."""

    name, family, dimensions, context_tokens = "length", "none", 2, 10
    parameter_count, size_bytes, digest = 0, 0, ""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.threads: set[int] = set()
        self.started, self.may_go_on = threading.Event(), threading.Event()

    def text_of(self, token_ids: Sequence[int]) -> str | None:
        return None

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text) for text in texts]

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.asked.append(list(texts))
        self.threads.add(threading.get_ident())
        if "slow" in texts:
            self.started.set()
            assert self.may_go_on.wait(timeout=30)
        if "bad" in texts:
            raise ModelError("bad cannot be embedded")
        return np.array([[np.sin(len(text)), np.cos(len(text))] for text in texts], dtype=np.float32).reshape(-1, 2)


def meet(embedder: LengthEmbedder, requests: Sequence[Sequence[str]], batch_texts: int = 100) -> list[object]:
    """The answers to `requests` that all arrive while the model is busy with a slow one."""

    async def run() -> list[object]:
        model = ServedModel(embedder, (), batch_texts)
        slow = asyncio.create_task(model.embed(["slow"]))
        await asyncio.to_thread(embedder.started.wait, 30)
        waiting = [asyncio.create_task(model.embed(texts)) for texts in requests]
        while model.unanswered_texts < 1 + sum(map(len, requests)):
            await asyncio.sleep(0.001)
        embedder.may_go_on.set()
        answers: list[object] = list(await asyncio.gather(*waiting, return_exceptions=True))
        await slow
        model.close()
        return answers

    return asyncio.run(run())


def lengths(answer: object) -> list[float]:
    assert isinstance(answer, Embedded)
    return [float(sine) for sine in answer.vectors[:, 0]]


def test_requests_that_wait_together_are_worked_off_together() -> None:
    embedder = LengthEmbedder()
    answers = meet(embedder, [["a", "bb"], ["ccc"], [], ["dddd"]])
    assert len(embedder.asked) == 2
    assert sorted(embedder.asked[1]) == ["a", "bb", "ccc", "dddd"]
    expected = [[1, 2], [3], [], [4]]
    assert [lengths(answer) for answer in answers] == [pytest.approx(np.sin(row)) for row in expected]
    assert len(embedder.threads) == 1


def test_a_batch_stays_under_its_limit() -> None:
    embedder = LengthEmbedder()
    answers = meet(embedder, [["a"], ["bb"], ["ccc"], ["d", "e", "f"]], batch_texts=2)
    assert max(len(texts) for texts in embedder.asked[:3]) <= 2
    assert [lengths(answer) for answer in answers[:3]] == [pytest.approx([np.sin(size)]) for size in (1, 2, 3)]


def test_a_request_that_fails_takes_no_other_with_it() -> None:
    good, bad, other = meet(LengthEmbedder(), [["fine"], ["fine", "bad"], ["good"]])
    assert lengths(good) == lengths(other) == pytest.approx([np.sin(4)])
    assert isinstance(bad, ModelError)


def test_a_text_over_the_context_is_an_error_when_it_may_not_be_cut() -> None:
    async def run() -> tuple[Embedded, Exception]:
        model = ServedModel(LengthEmbedder(), (), 10)
        cut = await model.embed(["x" * 11])
        with pytest.raises(InputError, match="Shorten the input to 10 tokens") as refused:
            await model.embed(["x", "x" * 11], truncate=False)
        model.close()
        return cut, refused.value

    cut, _ = asyncio.run(run())
    assert cut.token_count == 10


def test_a_model_is_found_by_each_of_its_names_and_no_other() -> None:
    embedder: EmbeddingModel = LengthEmbedder()
    registry = Registry([ServedModel(embedder, ("length:latest",), 10)])
    assert registry.find("length") is registry.find("length:latest")
    with pytest.raises(UnknownModelError, match=r'model "width" not found.*length'):
        registry.find("width")
    registry.close()
