"""A generator as the commands ask it: over HTTP, of `dreams serve` if it runs, else of a sidecar in the background."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx

from commands.terminal import status
from memories.embedding.servers import background, client_of, served
from memories.errors import InputError, ModelError, ModelUnreachable
from memories.records import EXTRACTIVE
from memories.settings import settings

TIMEOUT_SECONDS = 600
EVENT = "data: "
END = "[DONE]"


class AskedModel:
    """A model that a sidecar serves, by its own name."""

    def __init__(self, client: httpx.Client, name: str) -> None:
        self._client = client
        self.name = name

    def reply(self, messages: Sequence[tuple[str, str]], max_tokens: int) -> Iterator[str]:
        """The pieces of a reply to messages, each a role and a content, drawn greedily.

        Raises InputError when the model refuses them, ModelUnreachable when the sidecar goes away, and ModelError when
        it fails.
        """
        body = {
            "model": self.name,
            "messages": [{"role": role, "content": content} for role, content in messages],
            "max_completion_tokens": max_tokens,
            "temperature": 0,
            "reasoning_effort": "none",
            "stream": True,
        }
        try:
            with self._client.stream("POST", "/v1/chat/completions", json=body) as response:
                if response.is_error:
                    response.read()
                    raise _refusal(response)
                for line in response.iter_lines():
                    if line.startswith(EVENT) and not line.endswith(END):
                        yield _text(json.loads(line.removeprefix(EVENT)))
        except httpx.RequestError as error:
            raise ModelUnreachable(f"the sidecar went away ({type(error).__name__}): ask again") from error


@contextmanager
def served_generator(name: str) -> Iterator[AskedModel | None]:
    """The model of that name, or that `default` stands for; None for the generator that only quotes, which needs none.

    Raises InputError when there is no such generator, and ModelUnreachable when no sidecar can be started.
    """
    if name == EXTRACTIVE:
        yield None
        return
    # The sidecar generates, also where an Ollama embeds.
    store = settings().model_copy(update={"ollama_url": None})
    with status("looking for the generator"):
        server = served(store) or background(store)
    with client_of(server, TIMEOUT_SECONDS) as client:
        try:
            answer = client.get(f"/v1/models/{name}")
        except httpx.RequestError as error:
            raise ModelUnreachable(f"the sidecar went away ({type(error).__name__}): ask again") from error
        if answer.is_error:
            raise _refusal(answer)
        own_name = str(answer.json()["id"])
        yield None if own_name == EXTRACTIVE else AskedModel(client, own_name)


def _text(event: dict[str, object]) -> str:
    if isinstance(error := event.get("error"), dict):
        raise ModelError(str(error["message"]))
    choices = event["choices"]
    return "".join(choice["delta"].get("content") or "" for choice in choices) if isinstance(choices, list) else ""


def _refusal(response: httpx.Response) -> InputError | ModelError:
    sentence = str(response.json()["error"]["message"])
    return InputError(sentence) if response.is_client_error else ModelError(sentence)
