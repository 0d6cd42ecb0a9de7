"""Models of other servers, served here: another sidecar stands for an Ollama and for a server of OpenAI's protocol."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import ollama
import openai
import pytest
from pydantic import SecretStr

from memories.errors import InputError, ModelError, ModelUnreachable
from sidecar.generators.errors import InvalidRequest, QueueFull, RemoteFailure
from sidecar.generators.ollama_server import OllamaServer
from sidecar.generators.openai_server import OpenAIServer
from sidecar.generators.protocol import ChatMessage, GenerationRequest, Piece
from sidecar.generators.remote import RemoteServer
from tests.conftest import sidecar
from tests.integration.sidecar.test_openai_replies import ASKED, WEATHER
from tests.tiny_models import save_tiny

HELLO = GenerationRequest(messages=[ChatMessage("user", "Hello")])


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Of a sidecar with a model, and of one that asks it."""
    folder = save_tiny(tmp_path_factory.mktemp("models") / "tiny")
    home = str(tmp_path_factory.mktemp("home"))
    with (
        sidecar("--child", SIDECAR_MODEL=str(folder), DREAMS_HOME=home) as (_, behind),
        sidecar("--child", OLLAMA_URL=behind, OPENAI_BASE_URL=f"{behind}/v1", DREAMS_HOME=home) as (_, before),
    ):
        yield behind, before


@pytest.mark.parametrize("prefix", ["ollama", "openai"])
def test_its_replies_come_through(urls: tuple[str, str], prefix: str) -> None:
    behind, before = (openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=120) for url in urls)
    asked: dict[str, Any] = ASKED | {"extra_body": {"repetition_penalty": 1.0}}
    expected = behind.chat.completions.create(**asked)
    asked["model"] = f"{prefix}/tiny"
    found = before.chat.completions.create(**asked)
    assert found.choices[0].message.content == expected.choices[0].message.content
    assert found.choices[0].finish_reason == expected.choices[0].finish_reason
    assert found.usage is not None
    assert expected.usage is not None
    assert found.usage.completion_tokens == expected.usage.completion_tokens
    streamed = before.chat.completions.create(**asked, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in streamed) == expected.choices[0].message.content
    form: Any = {"type": "json_object"}
    assert isinstance(
        json.loads(before.chat.completions.create(**asked, response_format=form).choices[0].message.content or ""), dict
    )
    with pytest.raises(openai.BadRequestError, match="maximum context length"):
        before.chat.completions.create(**asked | {"messages": [{"role": "user", "content": "x" * 600}]})
    with pytest.raises(openai.APIStatusError, match="not found") as missing:
        before.chat.completions.create(**asked | {"model": f"{prefix}/nothing"})
    assert missing.value.status_code == 502


def test_tools_and_log_probabilities_come_through_openais_protocol(urls: tuple[str, str]) -> None:
    behind, before = (openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=120) for url in urls)
    asked: dict[str, Any] = ASKED | {"tools": [WEATHER], "tool_choice": "required", "parallel_tool_calls": False}
    expected = behind.chat.completions.create(**asked).choices[0].message.tool_calls
    found = before.chat.completions.create(**asked | {"model": "openai/tiny"}).choices[0].message.tool_calls
    assert found
    assert expected
    assert [call.function for call in found if call.type == "function"] == [
        call.function for call in expected if call.type == "function"
    ]
    told = before.chat.completions.create(**ASKED | {"model": "openai/tiny"}, logprobs=True, top_logprobs=2)
    assert told.choices[0].logprobs is not None
    assert told.choices[0].logprobs.content
    with pytest.raises(openai.BadRequestError, match="tool_choice"):
        before.chat.completions.create(**asked | {"model": "ollama/tiny"})


def test_ollamas_client_reaches_them_too(urls: tuple[str, str]) -> None:
    options = {"temperature": 0, "num_predict": 10}
    asked: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello"}], "options": options}
    expected = ollama.Client(host=urls[0]).chat(model="tiny", **asked)
    assert ollama.Client(host=urls[1]).chat(model="ollama/tiny", **asked).message.content == expected.message.content


@contextmanager
def server(answer: Callable[[int], tuple[int, dict[str, str], bytes]]) -> Iterator[tuple[str, list[str]]]:
    """The URL of a server that answers its n-th request with a status, headers and a body; and the keys it was sent."""
    keys: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            keys.append(self.headers.get("Authorization", ""))
            status, headers, body = answer(len(keys))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=listener.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.server_port}", keys
    finally:
        listener.shutdown()
        listener.server_close()


def replied(url: str, key: SecretStr | None = None) -> str:
    remote = RemoteServer(url, "OPENAI_BASE_URL", key, "OPENAI_API_KEY")
    return text_of(OpenAIServer(remote, "m").generate(HELLO))


def text_of(pieces: Iterator[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


WORD = b'data: {"choices": [{"delta": {"content": "tea"}}]}\n\n'
END = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


def test_a_busy_server_is_asked_again_with_its_key() -> None:
    def answer(count: int) -> tuple[int, dict[str, str], bytes]:
        return (503, {"Retry-After": "0"}, b"") if count < 3 else (200, {}, WORD + END)

    with server(answer) as (url, keys):
        assert replied(url, SecretStr("k3y")) == "tea"
    assert keys == ["Bearer k3y"] * 3


@pytest.mark.parametrize(
    ("status", "kind", "sentence"),
    [
        (400, InvalidRequest, "refuses it: so it is"),
        (401, RemoteFailure, "correct OPENAI_API_KEY"),
        (404, RemoteFailure, "does not have it: so it is"),
        (429, QueueFull, "busy, ask again later: so it is"),
        (500, RemoteFailure, "look at its log"),
    ],
)
def test_its_errors_are_typed(status: int, kind: type[Exception], sentence: str) -> None:
    with server(lambda _: (status, {"Retry-After": "0"}, b'{"error": {"message": "so it is"}}')) as (url, _):
        with pytest.raises(kind, match=sentence) as failed:
            replied(url, SecretStr("k3y"))
        assert "k3y" not in str(failed.value)


@pytest.mark.parametrize("body", [WORD, WORD + b"data: {]\n\n", WORD + b'data: {"error": {"message": "x"}}\n\n'])
def test_one_that_breaks_off_is_an_error(body: bytes) -> None:
    with server(lambda _: (200, {}, body)) as (url, _), pytest.raises(RemoteFailure):
        replied(url)
    with server(lambda _: (200, {}, b'{"message": {"content": "tea"}}\n')) as (url, _), pytest.raises(RemoteFailure):
        text_of(OllamaServer(RemoteServer(url, "OLLAMA_URL"), "m").generate(HELLO))


def test_one_that_is_not_there_names_the_setting() -> None:
    with pytest.raises(ModelUnreachable, match="correct OPENAI_BASE_URL"):
        replied("http://127.0.0.1:9")
    assert issubclass(ModelUnreachable, ModelError)
    assert issubclass(InvalidRequest, InputError)
