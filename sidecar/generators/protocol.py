"""The protocol of a generator: a request goes in, pieces of a reply come out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

Role = Literal["system", "developer", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls"]
Capability = Literal["completion", "tools", "thinking"]


class ModelCard(NamedTuple):
    """What is known of a generator before it is loaded; sizes are 0 where only its server knows them."""

    name: str
    family: str
    """The architecture, as Ollama names it."""
    context_tokens: int = 0
    parameter_count: int = 0
    size_bytes: int = 0
    digest: str = ""
    """SHA-256 of what tells these weights from others."""
    capabilities: tuple[Capability, ...] = ("completion",)
    quantization: str = ""


class ToolCall(NamedTuple):
    """A call of a tool that a reply made; `arguments` is a JSON object as text."""

    id: str
    name: str
    arguments: str


class ChatMessage(NamedTuple):
    """One message of a conversation."""

    role: Role
    content: str
    reasoning: str = ""
    tool_calls: Sequence[ToolCall] = ()
    tool_call_id: str | None = None
    """Of a tool's answer: the call it answers."""


class OfferedTool(NamedTuple):
    """A tool that the reply may call; `parameters` is a JSON schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


class Sampling(NamedTuple):
    """How the next token is drawn; the defaults draw from the model's own distribution."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    repeat_penalty: float = 1.0
    logit_bias: Mapping[int, float] = {}
    seed: int | None = None


DEFAULT_SAMPLING = Sampling()


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What one reply is asked for; n replies are n requests.

    Either `messages` (a conversation) or `prompt` (text to go on with) is given. `schema` is the JSON schema that the
    reply has to fit. `tool_choice` is auto, none, required, or the name of one tool. `top_logprobs` is the number of
    alternatives to report with each token, None for no log probabilities. `quotations` are the sentences of memories,
    each with its reference, that answer the last message; None when nothing was recalled for it.
    """

    messages: Sequence[ChatMessage] = ()
    prompt: str | None = None
    max_tokens: int | None = None
    sampling: Sampling = DEFAULT_SAMPLING
    stop: Sequence[str] = ()
    schema: Mapping[str, Any] | None = None
    tools: Sequence[OfferedTool] = ()
    tool_choice: str = "auto"
    parallel_tool_calls: bool = True
    top_logprobs: int | None = None
    think: bool | None = None
    reasoning_effort: str | None = None
    quotations: Sequence[str] | None = None


class LikelyToken(NamedTuple):
    """A token's bytes, and the natural logarithm of the probability that the model gave it before any penalty."""

    data: bytes
    logprob: float


class ReplyToken(NamedTuple):
    """A token of a reply; `likely` and `top` are None and empty unless log probabilities were asked for."""

    id: int
    likely: LikelyToken | None = None
    top: Sequence[LikelyToken] = ()


class ToolCallPart(NamedTuple):
    """A part of a call: the first has its id and name, all together its arguments; `place` counts calls from 0."""

    place: int
    arguments: str
    id: str | None = None
    name: str | None = None


class End(NamedTuple):
    """How a reply ended, and the tokens it took."""

    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt: those whose keys and values were kept from an earlier request."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a reply; one without anything says that the generator is at work. The last piece has the end."""

    text: str = ""
    reasoning: str = ""
    tool_calls: Sequence[ToolCallPart] = ()
    tokens: Sequence[ReplyToken] = ()
    end: End | None = None


class Generator(Protocol):
    """A loaded model that answers requests.

    Iterators of one generator are advanced in turn by its owner thread, so that replies interleave; closing one
    cancels its reply. `generate` raises InvalidRequest before the first piece when the request cannot be answered.
    """

    def generate(self, request: GenerationRequest) -> Iterator[Piece]: ...
