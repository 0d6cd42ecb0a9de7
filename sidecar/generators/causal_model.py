"""Generates with a causal language model of transformers, in our own decode loop."""

import re
from collections.abc import Iterator
from itertools import chain
from secrets import token_hex

from transformers import PreTrainedModel

from sidecar.generators.decoding.batch import DecodingBatch
from sidecar.generators.decoding.row import Row
from sidecar.generators.decoding.template import ChatTemplate
from sidecar.generators.decoding.tokens import TokenTable
from sidecar.generators.errors import ContextExceeded, InvalidRequest
from sidecar.generators.protocol import ChatMessage, GenerationRequest, Piece


class CausalModel:
    """A model of any family that transformers knows, with its tokenizer and its chat template (None: it has none).

    All iterators of `generate` have to be advanced in the same thread: each step decodes the rows of all of them.
    """

    def __init__(
        self, model: PreTrainedModel, table: TokenTable, template: ChatTemplate | None, context_tokens: int
    ) -> None:
        self._table = table
        self._template = template
        self._context_tokens = context_tokens
        self._batch = DecodingBatch(model)

    def generate(self, request: GenerationRequest) -> Iterator[Piece]:
        """The pieces of a reply. Raises InvalidRequest before the first when the request cannot be answered."""
        prompt, thinks = self._prompt(request)
        room = self._context_tokens - len(prompt)
        if room < 1:
            raise ContextExceeded(self._context_tokens, len(prompt))
        row = Row(request, prompt, self._table, min(request.max_tokens or room, room), thinks=thinks)
        yield Piece()
        try:
            for _ in self._batch.read(row):
                yield from self._take(row) or (Piece(),)
            while row.pieces or not row.is_finished:
                # A step that another reply took may have brought pieces of this one.
                if not row.pieces:
                    self._batch.step()
                yield from self._take(row) or (Piece(),)
        finally:
            self._batch.leave(row)

    def _take(self, row: Row) -> tuple[Piece, ...]:
        """The pieces that are ready. Raises what the row failed with, after them."""
        pieces = tuple(row.pieces)
        row.pieces.clear()
        if not pieces and row.error is not None:
            raise row.error
        return pieces

    def _prompt(self, request: GenerationRequest) -> tuple[list[int], bool]:
        """The tokens of the prompt, and whether the reply begins in the middle of a thought."""
        texts = [request.prompt or "", *(message.content for message in request.messages)]
        if sum(map(len, texts)) > self._context_tokens * self._table.longest_token_characters:
            raise ContextExceeded(self._context_tokens)
        if request.prompt is not None:
            return self._table.encode(request.prompt, begin=True) or self._table.encode("\n"), False
        if self._template is None:
            raise InvalidRequest("This model has no chat template: ask it at /v1/completions.", "messages")
        literals: dict[str, str] = {}
        text = self._template.render(
            [self._guarded(message, literals) for message in request.messages],
            request.tools if request.tool_choice != "none" else (),
            request.think,
            request.reasoning_effort,
        )
        return self._encode(text, literals), text.rstrip().endswith("<think>")

    def _guarded(self, message: ChatMessage, literals: dict[str, str]) -> ChatMessage:
        """Puts a name for content that spells a special token, which would else begin another message."""
        if not any(special in message.content for special in self._table.special_texts):
            return message
        name = f"\ue000{token_hex(16)}\ue001"
        literals[name] = message.content
        return message._replace(content=name)

    def _encode(self, text: str, literals: dict[str, str]) -> list[int]:
        if not literals:
            return self._table.encode(text)
        parts = re.split(f"({'|'.join(literals)})", text)
        return list(
            chain.from_iterable(
                self._table.encode(literals[part], literal=True) if part in literals else self._table.encode(part)
                for part in parts
                if part
            )
        )
