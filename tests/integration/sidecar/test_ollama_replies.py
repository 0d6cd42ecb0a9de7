"""Replies of the running sidecar through the official `ollama` client, with a tiny random model."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import ollama
import pytest

from tests.conftest import sidecar
from tests.tiny_models import CONTEXT_TOKENS, save_tiny

MESSAGES = [{"role": "user", "content": "What did I say of the pumps?"}]
GREEDY = {"temperature": 0, "num_predict": 24, "repeat_penalty": 1.0}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "Tells the weather.", "parameters": PERSON},
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = save_tiny(tmp_path_factory.mktemp("models") / "tiny")
    home = tmp_path_factory.mktemp("home")
    with sidecar("--child", SIDECAR_MODEL=str(folder), DREAMS_HOME=str(home)) as (_, address):
        yield address


@pytest.fixture(scope="module")
def client(url: str) -> ollama.Client:
    return ollama.Client(host=url, timeout=120)


def test_a_chat_is_the_same_whole_and_in_lines(client: ollama.Client) -> None:
    whole = client.chat(model="tiny", messages=MESSAGES, options=GREEDY)
    assert (whole.done, whole.done_reason, whole.message.role) == (True, "length", "assistant")
    assert (whole.eval_count, whole.prompt_eval_count) > (0, 0)
    assert min(whole.total_duration or -1, whole.prompt_eval_duration or -1, whole.eval_duration or -1) > 0
    lines = list(client.chat(model="tiny", messages=MESSAGES, options=GREEDY, stream=True))
    assert "".join(line.message.content or "" for line in lines) == whole.message.content
    assert [line.done for line in lines] == [False] * (len(lines) - 1) + [True]
    assert lines[-1].eval_count == whole.eval_count
    assert len(lines) > 5


def test_a_line_comes_when_nothing_is_said_of_streams(url: str) -> None:
    answer = httpx.post(f"{url}/api/chat", json={"model": "tiny", "messages": MESSAGES, "options": GREEDY}, timeout=120)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines[-1]["done"] is True
    assert all(line["created_at"].endswith("Z") for line in lines)


def test_generate_goes_on_with_a_prompt(client: ollama.Client) -> None:
    chat = client.chat(model="tiny", messages=MESSAGES, options=GREEDY).message.content
    asked: dict[str, Any] = {"model": "tiny", "prompt": MESSAGES[0]["content"], "options": GREEDY}
    assert client.generate(**asked).response == chat
    assert "".join(line.response or "" for line in client.generate(**asked, stream=True)) == chat
    assert client.generate(**asked, raw=True).response != chat
    system = client.generate(**asked, system="Be brief.")
    assert system.prompt_eval_count is not None
    with pytest.raises(ollama.ResponseError, match="Leave out suffix"):
        client.generate(**asked, suffix="end")


def test_formats_bind_the_reply(client: ollama.Client) -> None:
    for limit in (3, 200):
        options = {"seed": limit, "num_predict": limit, "temperature": 1.5}
        loose = client.chat(model="tiny", messages=MESSAGES, options=options, format="json")
        assert isinstance(json.loads(loose.message.content or ""), dict)
        strict = client.chat(model="tiny", messages=MESSAGES, options=options, format=PERSON)
        assert set(json.loads(strict.message.content or "")) == {"name", "age"}


def test_tools_are_offered_and_their_answers_taken(client: ollama.Client) -> None:
    messages: list[Any] = [
        *MESSAGES,
        {"role": "assistant", "tool_calls": [{"function": {"name": "weather", "arguments": {"name": "x", "age": 1}}}]},
        {"role": "tool", "tool_name": "weather", "content": "Rain."},
    ]
    answer = client.chat(model="tiny", messages=messages, tools=[WEATHER], options=GREEDY)
    assert answer.message.content is not None


def test_options_are_honoured(client: ollama.Client) -> None:
    greedy = client.chat(model="tiny", messages=MESSAGES, options=GREEDY).message.content or ""
    narrow = client.chat(model="tiny", messages=MESSAGES, options=GREEDY | {"temperature": 2, "top_k": 1})
    assert narrow.message.content == greedy
    stopped = client.chat(model="tiny", messages=MESSAGES, options=GREEDY | {"stop": [greedy[9:13]]})
    assert (stopped.message.content, stopped.done_reason) == (greedy[: greedy.index(greedy[9:13])], "stop")
    drawn = [
        client.chat(
            model="tiny", messages=MESSAGES, options=GREEDY | {"temperature": 1.5, "seed": seed}
        ).message.content
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_log_probabilities_come_with_the_tokens(client: ollama.Client) -> None:
    answer = client.chat(model="tiny", messages=MESSAGES, options=GREEDY, logprobs=True, top_logprobs=2)
    assert answer.logprobs
    assert all(token.logprob <= 0 and len(token.top_logprobs or ()) == 2 for token in answer.logprobs)


def test_a_thinking_model_is_asked_to_think(client: ollama.Client) -> None:
    thought = client.chat(model="tiny", messages=MESSAGES, options=GREEDY, think=True)
    assert thought.message.thinking
    assert thought.message.content == ""
    plain = client.chat(model="tiny", messages=MESSAGES, options=GREEDY, think=False)
    assert plain.message.thinking is None


def test_without_messages_a_model_is_loaded_and_unloaded(client: ollama.Client) -> None:
    assert client.chat(model="tiny", messages=[]).done_reason == "load"
    assert "tiny" in [model.model for model in client.ps().models]
    assert client.generate(model="tiny", prompt="", keep_alive=0).done_reason == "unload"
    assert "tiny" not in [model.model for model in client.ps().models]
    again = client.chat(model="tiny", messages=MESSAGES, options=GREEDY)
    assert again.message.content
    assert again.load_duration


def test_models_say_what_they_can(client: ollama.Client) -> None:
    shown = client.show("tiny")
    assert shown.capabilities == ["completion", "tools", "thinking"]
    assert shown.modelinfo is not None
    assert shown.modelinfo["llama.context_length"] == CONTEXT_TOKENS
    assert client.show("all-minilm").capabilities == ["embedding"]
    assert {"tiny", "all-minilm:latest"} <= {model.model for model in client.list().models}


@pytest.mark.parametrize(
    ("change", "status", "sentence"),
    [
        ({"model": "nothing"}, 404, 'model "nothing" not found'),
        ({"messages": [{"role": "user", "content": "x" * CONTEXT_TOKENS}]}, 400, "maximum context length"),
        ({"messages": [{"role": "user", "content": "look", "images": ["aGk="]}]}, 400, "sees no images"),
        ({"format": {"type": "object", "if": {}}}, 400, "Change the schema"),
        ({"options": {"temperature": "hot"}}, 400, "Correct body.options.temperature"),
    ],
)
def test_errors_are_one_sentence(client: ollama.Client, change: dict[str, Any], status: int, sentence: str) -> None:
    with pytest.raises(ollama.ResponseError, match=sentence) as refused:
        client.chat(**{"model": "tiny", "messages": MESSAGES} | change)
    assert refused.value.status_code == status
