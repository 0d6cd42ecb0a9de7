"""One reply in the making: draws its tokens, keeps it to its grammar, and knows when it ends."""

from collections import deque

import torch
from torch import Tensor

from memories.errors import DreamsError
from sidecar.generators.decoding.constraint import constraint_of
from sidecar.generators.decoding.harmony import START, HarmonyParser
from sidecar.generators.decoding.parsing import ReplyParser
from sidecar.generators.decoding.sampling import Sampler
from sidecar.generators.decoding.tokens import TextStream, TokenTable
from sidecar.generators.protocol import End, FinishReason, GenerationRequest, LikelyToken, Piece, ReplyToken


class Row:
    """One row of a batch, with what it may still generate.

    The model has read `read_tokens` of its tokens, of which `cached_tokens` for an earlier request.

    Raises InvalidRequest when the request's schema cannot be enforced.
    """

    def __init__(
        self, request: GenerationRequest, prompt: list[int], table: TokenTable, max_tokens: int, *, thinks: bool
    ) -> None:
        self.tokens = list(prompt)
        self.pieces: deque[Piece] = deque()
        self.read_tokens = 0
        self.cached_tokens = 0
        self.is_finished = False
        self.error: DreamsError | None = None
        self._prompt_tokens = len(prompt)
        self._max_tokens = max_tokens
        self._table = table
        self._top_logprobs = request.top_logprobs
        device = torch.device("cpu")
        self._constraint = constraint_of(request, table, device)
        self._sampler = Sampler(request.sampling, prompt, table.vocabulary_size, device)
        with_tools = bool(request.tools) and request.tool_choice != "none"
        self._parser: ReplyParser | HarmonyParser
        if table.marks:
            self._parser = HarmonyParser(
                table.marks, request.stop, with_tools=with_tools, begun=table.since(START, prompt)
            )
        else:
            self._parser = ReplyParser(request.stop, thinks=thinks, with_tools=with_tools)
        self._stream = TextStream(table)
        self._document = ""

    def advance(self, logits: Tensor) -> None:
        """Draws the next token from logits of shape [vocabulary]; `pieces` has what is certain then."""
        try:
            self._advance(logits.cpu())
        except DreamsError as error:
            self.error = error
            self.is_finished = True

    def _advance(self, logits: Tensor) -> None:
        token = self._sampler.draw(logits, self._constraint.allowed() if self._constraint else None)
        self.tokens.append(token)
        if token in self._table.stop_ids:
            self._finish("stop")
            return
        if self._constraint:
            self._constraint.accept(token)
        self._show(token, logits)
        if self._parser.is_stopped or (self._constraint and self._constraint.is_complete):
            self._finish("stop")
        elif len(self.tokens) - self._prompt_tokens >= self._max_tokens:
            self._complete()
            self._finish("length")

    def _complete(self) -> None:
        if self._constraint:
            for token in self._constraint.closing(self._document.rpartition("<tool_call>")[2]):
                self.tokens.append(token)
                self._show(token, None)

    def _show(self, token: int, logits: Tensor | None) -> None:
        text = self._stream.add(token)
        if self._constraint:
            self._document = "" if token in self._table.marks else self._document + text
        self.pieces.extend(self._parser.add(text, [(self._told(token, logits), len(text))]))

    def _told(self, token: int, logits: Tensor | None) -> ReplyToken:
        if self._top_logprobs is None or logits is None:
            return ReplyToken(token)
        logprobs = torch.log_softmax(logits, dim=-1)
        best = logprobs.topk(min(self._top_logprobs, len(logprobs)))
        top = [self._likely(*pair) for pair in zip(best.indices.tolist(), best.values.tolist(), strict=True)]
        return ReplyToken(token, self._likely(token, float(logprobs[token])), top)

    def _likely(self, token: int, logprob: float) -> LikelyToken:
        return LikelyToken(self._table.data_of(token), logprob)

    def _finish(self, reason: FinishReason) -> None:
        rest = self._stream.finish()
        self.pieces.extend(self._parser.add(rest) if rest else [])
        self.pieces.extend(self._parser.finish())
        if reason == "stop" and self._parser.call_count:
            reason = "tool_calls"
        end = End(
            reason,
            self._prompt_tokens,
            len(self.tokens) - self._prompt_tokens,
            self._parser.thought_tokens,
            self.cached_tokens,
        )
        self.pieces.append(Piece(end=end))
        self.is_finished = True
