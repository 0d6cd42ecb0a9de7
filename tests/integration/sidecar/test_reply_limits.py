"""What the server does under load and when clients leave: a generator that never ends, behind the real HTTP server."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import httpx
import openai
import pytest

from memories.errors import ModelError
from memories.serving.http_server import http_server
from sidecar.api.app import create_app
from sidecar.generators.protocol import End, GenerationRequest, ModelCard, Piece
from sidecar.generators.queue import ReplyLimits, ServedGenerator
from sidecar.registry import Registry
from sidecar.settings import SidecarSettings
from tests.conftest import eventually

ASKED: dict[str, Any] = {"model": "endless", "messages": [{"role": "user", "content": "Go on"}]}
SHORT: dict[str, Any] = {"model": "endless", "messages": [{"role": "user", "content": "three"}]}


class Endless:
    """Says its name for ever; "three" gets three words, "break" fails after two, "hold" waits to be let go."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.live = 0
        self.most_live = 0
        self.started = 0
        self.may_go_on = Event()

    def generate(self, request: GenerationRequest) -> Iterator[Piece]:
        said = request.messages[-1].content if request.messages else request.prompt
        self.live += 1
        self.started += 1
        self.most_live = max(self.most_live, self.live)
        try:
            yield Piece()
            for count in range(10**9):
                if count == 2 and said == "break":
                    raise ModelError("the model broke: ask again")
                if said == "three" and count == 3:
                    yield Piece(end=End("stop", 1, 3))
                    return
                if said == "hold" and count == 1:
                    assert self.may_go_on.wait(30)
                    yield Piece(f"{self.name} to the end", end=End("stop", 1, 2))
                    return
                time.sleep(0.002)
                yield Piece(f"{self.name} ")
        finally:
            self.live -= 1


class Served:
    def __init__(self, url: str, generators: list[Endless]) -> None:
        self.url = url
        self.endless, self.other = generators
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=30)


@contextmanager
def serving(limits: ReplyLimits) -> Iterator[Served]:
    generators = [Endless("endless"), Endless("other")]
    served = [
        ServedGenerator(ModelCard(each.name, "none"), lambda each=each: each, limits)  # type: ignore[misc]
        for each in generators
    ]
    registry = Registry([], served)
    server = http_server(create_app(registry, SidecarSettings(), None), port=0, lifespan="off")
    thread = Thread(target=server.run)
    thread.start()
    try:
        assert eventually(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Served(f"http://127.0.0.1:{port}", generators)
    finally:
        server.should_exit = server.force_exit = True
        thread.join()
        registry.close()


def test_a_client_that_leaves_a_stream_ends_its_reply() -> None:
    with serving(ReplyLimits(parallel=1)) as served:
        stream = served.client.chat.completions.create(**ASKED, stream=True)
        for _, _chunk in zip(range(3), stream, strict=False):
            pass
        assert served.endless.live == 1
        stream.close()
        assert eventually(lambda: served.endless.live == 0, 10)
        assert served.client.chat.completions.create(**SHORT).choices[0].message.content == "endless " * 3


@pytest.mark.parametrize(
    ("path", "field"),
    [("/v1/chat/completions", "messages"), ("/v1/completions", "prompt"), ("/v1/responses", "input"), ("/api/chat", "messages")],
)  # fmt: skip
def test_a_client_that_does_not_wait_for_a_whole_reply_ends_it(path: str, field: str) -> None:
    asked = {"model": "endless", "stream": False, field: ASKED["messages"] if field == "messages" else "Go on"}
    body = json.dumps(asked).encode()
    with serving(ReplyLimits(parallel=1)) as served:
        address = httpx.URL(served.url)
        with socket.create_connection((address.host, address.port or 0)) as connection:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            assert eventually(lambda: served.endless.live == 1)
        assert eventually(lambda: served.endless.live == 0, 10)


def test_requests_over_the_limit_are_told_to_come_again() -> None:
    with serving(ReplyLimits(parallel=1, waiting=0)) as served:
        stream = served.client.chat.completions.create(**ASKED, stream=True)
        next(iter(stream))
        with pytest.raises(openai.RateLimitError) as refused:
            served.client.chat.completions.create(**SHORT)
        assert int(refused.value.response.headers["retry-after"]) >= 1
        patient = served.client.with_options(max_retries=2)
        Thread(target=lambda: (time.sleep(0.2), stream.close())).start()
        assert patient.chat.completions.create(**SHORT).choices[0].message.content == "endless " * 3
        assert served.endless.most_live == 1


def test_requests_within_the_limit_wait_for_their_turn() -> None:
    with serving(ReplyLimits(parallel=2, waiting=20)) as served:
        found: list[str | None] = []

        def ask() -> None:
            found.append(served.client.chat.completions.create(**SHORT).choices[0].message.content)

        askers = [Thread(target=ask) for _ in range(12)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        assert found == ["endless " * 3] * 12
        assert served.endless.most_live <= 2


def test_a_reply_that_takes_too_long_is_an_error_of_its_own() -> None:
    with serving(ReplyLimits(seconds=0.3)) as served:
        with pytest.raises(openai.InternalServerError, match="SIDECAR_REPLY_SECONDS") as late:
            served.client.chat.completions.create(**ASKED)
        assert late.value.status_code == 504
        with pytest.raises(openai.APIError, match="SIDECAR_REPLY_SECONDS"):
            list(served.client.chat.completions.create(**ASKED, stream=True))
        assert eventually(lambda: served.endless.live == 0, 10)


def test_a_failure_in_the_middle_is_told_in_the_stream() -> None:
    breaking: dict[str, Any] = {"model": "endless", "messages": [{"role": "user", "content": "break"}]}
    with serving(ReplyLimits()) as served:
        with pytest.raises(openai.APIError, match="the model broke"):
            list(served.client.chat.completions.create(**breaking, stream=True))
        lines = httpx.post(f"{served.url}/api/chat", json=breaking).text.splitlines()
        assert json.loads(lines[-1]) == {"error": "the model broke: ask again"}
        with pytest.raises(openai.InternalServerError, match="the model broke"):
            served.client.chat.completions.create(**breaking)
        stream = served.client.responses.create(model="endless", input="break", stream=True)
        assert [event.type for event in stream][-1] == "response.failed"


def test_another_model_becomes_the_default_while_one_is_replying() -> None:
    held: dict[str, Any] = {"model": "default", "messages": [{"role": "user", "content": "hold"}]}
    short: dict[str, Any] = SHORT | {"model": "default"}
    with serving(ReplyLimits()) as served:
        stream = iter(served.client.chat.completions.create(**held, stream=True))
        while not (text := next(stream).choices[0].delta.content):
            pass
        assert text == "endless "
        assert httpx.post(f"{served.url}/v1/models/other/activate").json()["id"] == "other"
        assert served.client.chat.completions.create(**short).choices[0].message.content == "other " * 3
        served.endless.may_go_on.set()
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "endless to the end"
        assert httpx.post(f"{served.url}/v1/models/nothing/activate").status_code == 404
