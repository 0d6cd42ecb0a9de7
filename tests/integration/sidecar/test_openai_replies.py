"""Replies of the running sidecar through the official `openai` client, mostly with a tiny random model."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from pydantic import BaseModel

from tests.conftest import sidecar
from tests.tiny_models import CONTEXT_TOKENS, save_tiny, tiny_tokenizer

ASKED: dict[str, Any] = {
    "model": "tiny",
    "messages": [{"role": "user", "content": "What did I say of the pumps?"}],
    "max_completion_tokens": 24,
    "temperature": 0,
}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather.",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string"}},
            "required": ["place"],
            "additionalProperties": False,
        },
    },
}


class Person(BaseModel):
    name: str
    age: int


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = save_tiny(tmp_path_factory.mktemp("models") / "tiny")
    home = tmp_path_factory.mktemp("home")
    with sidecar("--child", SIDECAR_MODEL=str(folder), DREAMS_HOME=str(home)) as (process, address):
        yield address
        said = "".join(process.communicate(timeout=60))
    assert process.returncode == 0
    assert "pumps" not in said


@pytest.fixture(scope="module")
def client(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=120)


def test_models_are_listed_and_found(client: openai.OpenAI) -> None:
    listed = [model.id for model in client.models.list()]
    assert listed[:2] == ["all-minilm", "tiny"]
    assert client.models.retrieve("tiny").id == client.models.retrieve("tiny:latest").id == "tiny"
    with pytest.raises(openai.NotFoundError) as missing:
        client.models.retrieve("nothing")
    assert missing.value.code == "model_not_found"


def test_a_stream_says_what_the_whole_reply_says(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(**ASKED, logprobs=True, top_logprobs=3)
    assert whole.choices[0].finish_reason in ("stop", "length")
    assert whole.usage is not None
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
    assert whole.system_fingerprint
    chunks = list(
        client.chat.completions.create(
            **ASKED, stream=True, stream_options={"include_usage": True}, logprobs=True, top_logprobs=3
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    assert len({(chunk.id, chunk.created) for chunk in chunks}) == 1
    assert (
        "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        == whole.choices[0].message.content
    )
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == whole.choices[0].finish_reason
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    told = [
        token for chunk in chunks if chunk.choices and chunk.choices[0].logprobs
        for token in chunk.choices[0].logprobs.content or []
    ]  # fmt: skip
    assert whole.choices[0].logprobs is not None
    expected = whole.choices[0].logprobs.content or []
    assert [token.token for token in told] == [token.token for token in expected]
    assert [token.logprob for token in told] == pytest.approx([token.logprob for token in expected], abs=1e-3)
    assert all(len(token.top_logprobs) == 3 for token in expected)
    assert len(chunks) > 10


def test_choices_come_side_by_side_and_a_seed_repeats_them(client: openai.OpenAI) -> None:
    drawn: dict[str, Any] = ASKED | {"temperature": 1.5, "seed": 5, "n": 3}
    first, again = (client.chat.completions.create(**drawn) for _ in range(2))
    texts = [choice.message.content for choice in first.choices]
    assert [choice.index for choice in first.choices] == [0, 1, 2]
    assert len(set(texts)) == 3
    assert [choice.message.content for choice in again.choices] == texts
    assert first.usage is not None
    assert again.usage is not None
    assert first.usage.prompt_tokens == again.usage.prompt_tokens
    streamed = ["", "", ""]
    order = []
    for chunk in client.chat.completions.create(**drawn, stream=True):
        order.append(chunk.choices[0].index)
        streamed[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert streamed == texts
    assert order[3:] != sorted(order[3:])


def test_a_stop_string_ends_a_reply_and_is_not_in_it(client: openai.OpenAI) -> None:
    text = client.chat.completions.create(**ASKED).choices[0].message.content or ""
    stop = text[9:13]
    stopped = client.chat.completions.create(**ASKED, stop=[stop, "never said"])
    assert stopped.choices[0].message.content == text[: text.index(stop)]
    assert stopped.choices[0].finish_reason == "stop"
    streamed = client.chat.completions.create(**ASKED, stop=stop, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in streamed) == text[: text.index(stop)]


def test_replies_to_a_schema_parse(client: openai.OpenAI) -> None:
    for seed, limit in ((1, 200), (2, 5), (3, 1)):
        hot: dict[str, Any] = ASKED | {"temperature": 1.5, "seed": seed, "max_completion_tokens": limit}
        loose = client.chat.completions.create(**hot, response_format={"type": "json_object"})
        assert isinstance(json.loads(loose.choices[0].message.content or ""), dict)
        schema = {
            "name": "person",
            "strict": True,
            "schema": Person.model_json_schema() | {"additionalProperties": False},
        }
        form: Any = {"type": "json_schema", "json_schema": schema}
        strict = client.chat.completions.create(**hot, response_format=form)
        Person.model_validate_json(strict.choices[0].message.content or "")
        assert limit > 5 or strict.choices[0].finish_reason == "length"
    parsed = client.chat.completions.parse(**ASKED | {"max_completion_tokens": 400}, response_format=Person)
    assert parsed.choices[0].message.parsed is not None


def test_tools_are_called_with_arguments_that_fit(client: openai.OpenAI) -> None:
    hot: dict[str, Any] = ASKED | {"temperature": 1.5, "seed": 4, "max_completion_tokens": 60, "tools": [WEATHER]}
    called = client.chat.completions.create(**hot, tool_choice="required", parallel_tool_calls=False)
    (choice,) = called.choices
    assert (choice.message.content, choice.finish_reason) in ((None, "tool_calls"), (None, "length"))
    (call,) = choice.message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "weather"
    assert set(json.loads(call.function.arguments)) == {"place"}
    parts = [
        part
        for chunk in client.chat.completions.create(
            **hot,
            tool_choice={"type": "function", "function": {"name": "weather"}},
            parallel_tool_calls=False,
            stream=True,
        )
        for part in chunk.choices[0].delta.tool_calls or []
    ]
    assert [part.function.name for part in parts if part.function and part.function.name] == ["weather"]
    assert {part.index for part in parts} == {0}
    assert "".join(part.function.arguments or "" for part in parts if part.function) == call.function.arguments
    answered: Any = [
        *ASKED["messages"],
        choice.message.model_dump(),
        {"role": "tool", "tool_call_id": call.id, "content": "Rain."},
    ]
    with_answer = client.chat.completions.create(**ASKED | {"messages": answered})
    assert with_answer.choices[0].message.content is not None
    free = client.chat.completions.create(**hot, tool_choice="none")
    assert free.choices[0].message.tool_calls is None


def test_content_may_be_text_parts_and_roles_are_all_taken(client: openai.OpenAI) -> None:
    messages: Any = [
        {"role": "developer", "content": "Be brief."},
        {"role": "system", "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "kind."}]},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "Well?"},
    ]
    accepted: Any = {"store": False, "metadata": {"a": "b"}, "user": "me", "service_tier": "auto", "verbosity": "low"}
    reply = client.chat.completions.create(**ASKED | {"messages": messages}, **accepted)
    assert reply.choices[0].message.role == "assistant"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "messages.0.content.0"),
        ({"messages": []}, "messages"),
        ({"temperature": 3}, "temperature"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"extra_body": {"audio": {"voice": "x"}}}, "audio"),
        ({"extra_body": {"web_search_options": {}}}, "web_search_options"),
        ({"n": 0}, "n"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "string", "pattern": "(?=a)"}}}}, "response_format"),
        ({"model": "all-minilm"}, "model"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_names_the_parameter(client: openai.OpenAI, change: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**ASKED | change)
    assert refused.value.param == param
    assert refused.value.type == "invalid_request_error"


@pytest.mark.parametrize("stream", [True, False])
def test_a_prompt_beyond_the_context_is_refused_before_anything_is_sent(client: openai.OpenAI, stream: bool) -> None:
    for length in (CONTEXT_TOKENS, 10_000_000):
        messages: Any = [{"role": "user", "content": "x" * length}]
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(**ASKED | {"messages": messages}, stream=stream)
        assert refused.value.code == "context_length_exceeded"
        assert f"{CONTEXT_TOKENS} tokens" in refused.value.message


def test_an_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(**ASKED | {"model": "gpt-99"})
    assert missing.value.code == "model_not_found"
    assert "tiny" in missing.value.message


def test_older_completions_go_on_with_text(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": "tiny", "prompt": "Once upon a ", "max_tokens": 20, "temperature": 0}
    whole = client.completions.create(**asked, logprobs=2)
    streamed = list(client.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].text for chunk in streamed if chunk.choices) == whole.choices[0].text
    assert whole.usage is not None
    assert streamed[-1].usage is not None
    assert streamed[-1].usage.completion_tokens == whole.usage.completion_tokens
    told = whole.choices[0].logprobs
    assert told is not None
    assert len(told.tokens or []) == len(told.token_logprobs or []) == len(told.text_offset or []) > 0
    several = client.completions.create(**asked | {"prompt": ["Once upon a ", "the end"], "n": 2}, echo=True)
    assert [choice.index for choice in several.choices] == [0, 1, 2, 3]
    assert several.choices[0].text == several.choices[1].text == "Once upon a " + whole.choices[0].text
    assert several.choices[2].text.startswith("the end")
    assert several.usage is not None
    prompts = [tiny_tokenizer()(text).input_ids for text in ("Once upon a ", "the end")]
    assert several.usage.prompt_tokens == sum(map(len, prompts))
    with pytest.raises(openai.BadRequestError) as refused:
        client.completions.create(**asked, suffix="end")
    assert refused.value.param == "suffix"


def test_penalties_and_bias_are_honoured(client: openai.OpenAI) -> None:
    the = tiny_tokenizer().convert_tokens_to_ids("the")
    only = client.chat.completions.create(**ASKED, logit_bias={str(the): 100})
    assert only.choices[0].message.content == "the" * 24
    varied = client.chat.completions.create(
        **ASKED, logit_bias={str(the): 100}, frequency_penalty=2, presence_penalty=2
    )
    assert varied.choices[0].message.content == "the" * 24
    narrow = client.chat.completions.create(**ASKED | {"temperature": 2, "top_p": 0})
    assert narrow.choices[0].message.content == client.chat.completions.create(**ASKED).choices[0].message.content


def test_responses_come_in_items(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {
        "model": "tiny", "input": "Hello", "instructions": "Be brief.", "max_output_tokens": 16, "temperature": 0,
        "include": ["message.output_text.logprobs"], "top_logprobs": 2,
    }  # fmt: skip
    whole = client.responses.create(**asked)
    assert whole.status in ("completed", "incomplete")
    assert whole.usage is not None
    assert whole.usage.input_tokens > 0
    assert whole.output_text
    with client.responses.stream(**asked) as stream:
        events = list(stream)
        final = stream.get_final_response() if whole.status == "completed" else None
    assert [event.sequence_number for event in events] == sorted({event.sequence_number for event in events})
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added"
    ]  # fmt: skip
    assert kinds[-4:] == [
        "response.output_text.done", "response.content_part.done", "response.output_item.done", f"response.{whole.status}"
    ]  # fmt: skip
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert said == whole.output_text
    assert final is None or final.output_text == said
    (item,) = whole.output
    assert item.type == "message"
    assert item.content[0].type == "output_text"
    assert item.content[0].logprobs


def test_responses_call_tools_and_take_their_answers(client: openai.OpenAI) -> None:
    tool: Any = {"type": "function", "strict": True, **WEATHER["function"]}  # type: ignore[dict-item]
    asked: dict[str, Any] = {"model": "tiny", "tools": [tool], "tool_choice": "required", "parallel_tool_calls": False}
    called = client.responses.create(**asked, input="Hello", temperature=1.2, max_output_tokens=60)
    (call,) = called.output
    assert call.type == "function_call"
    assert set(json.loads(call.arguments)) == {"place"}
    items: Any = [
        {"role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        call.model_dump(),
        {"type": "function_call_output", "call_id": call.call_id, "output": "Rain."},
    ]
    answered = client.responses.create(model="tiny", input=items, max_output_tokens=10)
    assert answered.output_text is not None
    with client.responses.stream(**asked, input="Hello", max_output_tokens=60) as stream:
        kinds = [event.type for event in stream]
    assert "response.function_call_arguments.delta" in kinds
    assert kinds[-2:-1] == ["response.output_item.done"]


def test_responses_parse_and_refuse(client: openai.OpenAI) -> None:
    parsed = client.responses.parse(model="tiny", input="Who?", text_format=Person, max_output_tokens=400)
    assert parsed.output_parsed is not None
    for change, param in (
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"tools": [{"type": "web_search"}]}, "tools.0.name"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}, "input.0.content.0"),
    ):
        asked: dict[str, Any] = {"model": "tiny", "input": "Hello"} | change  # type: ignore[dict-item]
        with pytest.raises(openai.BadRequestError) as refused:
            client.responses.create(**asked)
        assert refused.value.param == param


def test_many_clients_at_once_each_get_their_own_reply(client: openai.OpenAI) -> None:
    def ask(number: int) -> str:
        messages: Any = [{"role": "user", "content": f"{number} the other thing " * (number % 7 + 1)}]
        asked: dict[str, Any] = ASKED | {"messages": messages, "max_completion_tokens": 8 + number % 5}
        if number % 2:
            return client.chat.completions.create(**asked).choices[0].message.content or ""
        chunks = client.chat.completions.create(**asked, stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    expected = [ask(number) for number in range(32)]
    with ThreadPoolExecutor(max_workers=32) as askers:
        assert list(askers.map(ask, range(32))) == expected
    assert len(set(expected)) > 24


def test_what_was_generated_is_counted(url: str, client: openai.OpenAI) -> None:
    client.chat.completions.create(**ASKED)
    figures = httpx.get(f"{url}/metrics").text
    for name in ("generated_tokens_total", "read_tokens_total", "first_token_seconds_count", "tokens_per_second_count"):
        (line,) = [line for line in figures.splitlines() if line.startswith(f'sidecar_{name}{{model="tiny"}}')]
        assert float(line.split()[1]) > 0
    assert 'sidecar_replies{model="tiny",state="running"} 0.0' in figures


def test_a_folder_that_is_not_whole_ends_the_start_with_one_sentence(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "tiny")
    (folder / "model.safetensors").unlink()
    with (
        pytest.raises(AssertionError, match=r"model\.safetensors is missing: fetch the whole model again"),
        sidecar("--child", SIDECAR_MODEL=str(folder)),
    ):
        pass
