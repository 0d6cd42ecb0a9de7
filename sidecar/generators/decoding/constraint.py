"""Keeps a reply to a grammar: a JSON schema, or calls of tools; at the token limit it completes the document."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from llguidance import LLMatcher
from torch import Tensor

from sidecar.generators.decoding.harmony import END, FUNCTIONS, MESSAGE
from sidecar.generators.decoding.tokens import TokenTable
from sidecar.generators.errors import InvalidRequest
from sidecar.generators.protocol import GenerationRequest, OfferedTool

# One space, or a line break with its indentation: a model cannot go on with blanks for ever.
BLANKS = r"(\n {0,24}| )?"
ANY_OBJECT: Mapping[str, Any] = {"type": "object"}
MOST_CLOSING_TOKENS = 2_000
LONGEST_REASON_CHARACTERS = 200
# Tried in this order to end a document soon. A comma comes before a digit, which a number could have without end.
OUTSIDE_TEXT = ("}", "]", ",", '"', "0", "n", "t", "f", "-", "[", ":", "{")
INSIDE_TEXT = ('"', "0", "n")


class Constraint:
    """What a reply may go on with. Raises InvalidRequest when the schema has what cannot be enforced."""

    def __init__(self, grammar: str, table: TokenTable, parameter: str, device: torch.device) -> None:
        self._table = table
        self._device = device
        self._matcher = LLMatcher(table.grammar_tokens, grammar, log_level=0)
        if self._matcher.is_error():
            reason = " ".join(self._matcher.get_error().split())[:LONGEST_REASON_CHARACTERS]
            raise InvalidRequest(f"Change the schema, it has what cannot be enforced: {reason}", parameter)

    def allowed(self) -> Tensor:
        """A mask of shape [vocabulary] of the tokens that may come next."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        mask = np.unpackbits(bits, bitorder="little")[: self._table.vocabulary_size].astype(bool)
        return torch.from_numpy(mask).to(self._device)

    def accept(self, token: int) -> None:
        """Goes on after a token that was allowed."""
        self._matcher.consume_token(token)

    @property
    def is_complete(self) -> bool:
        """Whether nothing but the end may come."""
        return bool(self._matcher.is_stopped())

    def closing(self, text: str) -> Iterator[int]:
        """Tokens that complete the document after `text`, whose JSON began with its first character."""
        for _ in range(MOST_CLOSING_TOKENS):
            if self._matcher.is_accepting() or self._matcher.is_stopped():
                return
            token = self._closing_token(text)
            self._matcher.consume_token(token)
            text = "" if token in self._table.marks else text + self._table.data_of(token).decode("utf-8", "replace")
            yield token
        raise InvalidRequest("Raise max_tokens, or shorten what the schema demands: its document cannot be completed.")

    def _closing_token(self, text: str) -> int:
        forced = self._matcher.compute_ff_tokens()
        if forced:
            return int(forced[0])
        for token, mark in self._table.marks.items():
            if mark in (MESSAGE, END) and self._matcher.validate_tokens([token]):
                return token
        for character in INSIDE_TEXT if _is_inside_text(text) else OUTSIDE_TEXT:
            (token, *more) = self._table.encode(character, literal=True)
            if not more and self._matcher.validate_tokens([token]):
                return int(token)
        allowed = self.allowed().nonzero().flatten().tolist()
        return int(min(allowed, key=lambda token: (len(self._table.data_of(token)), token)))


def constraint_of(request: GenerationRequest, table: TokenTable, device: torch.device) -> Constraint | None:
    """The constraint that a request sets; None when its reply is free."""
    if request.tools and request.tool_choice != "none":
        grammar = _harmony_tool_grammar(request) if table.marks else _tool_grammar(request)
        return Constraint(grammar, table, "tools", device)
    if request.schema is not None and table.marks and request.prompt is None:
        return Constraint(_harmony_schema_grammar(request.schema), table, "response_format", device)
    if request.schema is not None:
        grammar = LLMatcher.grammar_from_json_schema(dict(request.schema), overrides={"whitespace_pattern": BLANKS})
        return Constraint(grammar, table, "response_format", device)
    return None


def _tool_grammar(request: GenerationRequest) -> str:
    """Words and then calls in <tool_call> marks, as `tool_choice` and `parallel_tool_calls` allow."""
    chosen = request.tool_choice
    tools = _allowed_tools(request)
    call = " | ".join(f"tool_{number}" for number in range(len(tools)))
    more = ' ("\\n<tool_call>" call)*' if request.parallel_tool_calls else ""
    first = f'"<tool_call>" call{more}'
    start = f"TEXT | head call{more}" if chosen == "auto" else first
    rules = [
        "%llguidance {}",
        f"start: {start}",
        'head[lazy]: TEXT "<tool_call>"' if chosen == "auto" else "",
        f"call: {call}",
        *(f"tool_{number}: {_call_rule(tool)}" for number, tool in enumerate(tools)),
        r"TEXT: /(.|\n)*/" if chosen == "auto" else "",
    ]
    return "\n".join(rules)


def _allowed_tools(request: GenerationRequest) -> list[OfferedTool]:
    return [tool for tool in request.tools if request.tool_choice in ("auto", "required", tool.name)]


def _call_rule(tool: OfferedTool) -> str:
    head = json.dumps(f'{{"name": {json.dumps(tool.name)}, "arguments": ')
    return f'{head} {_json_rule({**ANY_OBJECT, **tool.parameters})} "}}</tool_call>"'


def _json_rule(schema: Mapping[str, Any]) -> str:
    return f"%json {json.dumps({**schema, 'x-guidance': {'whitespace_pattern': BLANKS}})}"


def _harmony_tool_grammar(request: GenerationRequest) -> str:
    """Thoughts, then one call or, if that is free, words: gpt-oss waits for the answer of each call."""
    tools = _allowed_tools(request)
    start = "(said next)* (said | words | call)" if request.tool_choice == "auto" else "(thoughts next)? call"
    rules = [
        f"start: {start}",
        'said: <|channel|> ("analysis" | "commentary") <|message|> TEXT',
        'words: <|channel|> "final" <|message|> TEXT',
        f"call: {' | '.join(f'tool_{number}' for number in range(len(tools)))}",
        *(f"tool_{number}: {_harmony_call_rule(tool)}" for number, tool in enumerate(tools)),
    ]
    return _harmony_grammar(rules)


def _harmony_call_rule(tool: OfferedTool) -> str:
    """A call; its recipient stands in the role or in the channel."""
    recipient = json.dumps(f" to={FUNCTIONS}{tool.name}")
    header = f'({recipient} <|channel|> "commentary" | <|channel|> "commentary" {recipient})'
    form = '(" "? <|constrain|> "json" | " json")?'
    return f"{header} {form} <|message|> {_json_rule({**ANY_OBJECT, **tool.parameters})}"


def _harmony_schema_grammar(schema: Mapping[str, Any]) -> str:
    """Thoughts, then a document."""
    return _harmony_grammar([f'start: (thoughts next)? <|channel|> "final" <|message|> {_json_rule(schema)}'])


def _harmony_grammar(rules: list[str]) -> str:
    thoughts = 'thoughts: <|channel|> "analysis" <|message|> TEXT'
    ending = 'next: <|end|> <|start|> "assistant"'
    return "\n".join(["%llguidance {}", *rules, thoughts, ending, r"TEXT: /(.|\n)*/"])


def _is_inside_text(text: str) -> bool:
    """Whether JSON that begins `text` stands inside a string after it."""
    inside = escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = inside
        elif character == '"':
            inside = not inside
    return inside
