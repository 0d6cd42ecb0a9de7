"""A tiny random gpt-oss whose template speaks harmony, asked by the official clients."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import ollama
import openai
import pytest

from sidecar.generators.decoding.harmony import MARKS
from tests.conftest import sidecar
from tests.tiny_models import HARMONY_TEMPLATE, save_tiny, tiny_tokenizer

A = tiny_tokenizer().convert_tokens_to_ids("a")
SCHEMA = {
    "type": "object",
    "properties": {"age": {"type": "integer"}},
    "required": ["age"],
    "additionalProperties": False,
}
WEATHER: Any = {"type": "function", "function": {"name": "weather", "description": "Tells it.", "parameters": SCHEMA}}
ASKED: dict[str, Any] = {
    "model": "tiny-oss",
    "messages": [{"role": "user", "content": "What did I say of the pumps?"}],
    "max_completion_tokens": 24,
    "temperature": 0,
    # The letter begins `analysis`, and goes on with it.
    "logit_bias": {str(A): 100},
}
AS_JSON: Any = {"type": "json_schema", "json_schema": {"name": "age", "schema": SCHEMA, "strict": True}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny-oss", "gpt_oss", template=HARMONY_TEMPLATE, marks=MARKS)


@pytest.fixture(scope="module")
def url(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("home")
    with sidecar("--child", SIDECAR_MODEL=str(folder), DREAMS_HOME=str(home)) as (_, address):
        yield address


@pytest.fixture(scope="module")
def client(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=120)


def test_thoughts_stand_apart_from_a_document(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(**ASKED, response_format=AS_JSON)
    message = whole.choices[0].message
    thoughts = message.reasoning_content  # type: ignore[attr-defined]
    assert set(thoughts) == {"a"}
    assert isinstance(json.loads(message.content or "")["age"], int)
    assert whole.usage is not None
    assert whole.usage.completion_tokens_details is not None
    assert whole.usage.completion_tokens_details.reasoning_tokens == len(thoughts)
    chunks = list(client.chat.completions.create(**ASKED, response_format=AS_JSON, stream=True))
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas) == thoughts
    assert "".join(delta.content or "" for delta in deltas) == message.content


def test_a_message_to_a_function_is_a_call(client: openai.OpenAI) -> None:
    asked = ASKED | {"tools": [WEATHER], "tool_choice": "required"}
    whole = client.chat.completions.create(**asked)
    (call,) = whole.choices[0].message.tool_calls or ()
    assert call.type == "function"
    assert call.function.name == "weather"
    assert isinstance(json.loads(call.function.arguments)["age"], int)
    assert whole.choices[0].message.content is None
    chunks = list(client.chat.completions.create(**asked, stream=True))
    parts = [part for chunk in chunks for part in chunk.choices[0].delta.tool_calls or ()]
    assert [part.function.name for part in parts if part.function and part.function.name] == ["weather"]
    assert "".join(part.function.arguments or "" for part in parts if part.function) == call.function.arguments
    answered: list[Any] = [
        *ASKED["messages"],
        whole.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "It rains."},
    ]
    assert client.chat.completions.create(**asked | {"messages": answered}).choices[0].message.tool_calls


def test_other_protocols_tell_the_same(client: openai.OpenAI, url: str) -> None:
    response = client.responses.create(
        model="tiny-oss", input="What now?", tools=[{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True}],
        tool_choice="required", max_output_tokens=60,
    )  # fmt: skip
    assert response.output[-1].type == "function_call"
    assert {item.type for item in response.output} <= {"reasoning", "function_call"}
    said = ollama.Client(url).chat("tiny-oss", ASKED["messages"], format=SCHEMA, options={"num_predict": 40, "seed": 1})
    assert "<|" not in f"{said.message.content}{said.message.thinking}"
    assert isinstance(json.loads(said.message.content or "")["age"], int)
    assert "thinking" in httpx.post(f"{url}/api/show", json={"model": "tiny-oss"}).json()["capabilities"]


@pytest.mark.parametrize("seed", range(6))
def test_a_free_reply_shows_no_mark(client: openai.OpenAI, seed: int) -> None:
    ids = tiny_tokenizer(MARKS).convert_tokens_to_ids(list(MARKS))
    asked = ASKED | {"logit_bias": {str(id): 6 for id in ids}, "temperature": 2, "seed": seed}
    said = client.chat.completions.create(**asked).choices[0].message.model_dump()
    assert not any(mark in json.dumps(said) for mark in MARKS)
    deltas = [chunk.choices[0].delta.model_dump() for chunk in client.chat.completions.create(**asked, stream=True)]
    for part in ("content", "reasoning_content"):
        assert "".join(delta.get(part) or "" for delta in deltas) == (said.get(part) or "")
