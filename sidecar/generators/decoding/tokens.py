"""Text to tokens and back, for the tokenizer of a model folder."""

import codecs
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from llguidance import LLTokenizer
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

# Marks in a model's own form of a reply: shown where a tokenizer has them as special tokens, which are hidden else.
MARKS = ("<think>", "</think>", "<tool_call>", "</tool_call>")


class TokenTable:
    """A tokenizer, and the bytes of each of its tokens; `marks` by their ids are those of its form of a reply, if any.

    Raises KeyError when the tokenizer has no token of its own for a mark.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        vocabulary_size: int,
        stop_ids: Sequence[int],
        marks: Iterable[str] = (),
    ) -> None:
        self.tokenizer = tokenizer
        self.vocabulary_size = vocabulary_size
        self.stop_ids = frozenset(stop_ids)
        self._stop_order = list(dict.fromkeys(stop_ids))
        self._fast: Tokenizer = tokenizer.backend_tokenizer
        self._fast.no_padding()
        self._fast.no_truncation()
        # The same tokenizer, to which the text of a special token is text like any other.
        self._literal = Tokenizer.from_str(self._fast.to_str())
        self._literal.encode_special_tokens = True
        added: dict[int, Any] = self._fast.get_added_tokens_decoder()
        ids = {token.content: id for id, token in added.items()}
        self.marks = {ids[mark]: mark for mark in marks}
        self._special = {id: token.content for id, token in added.items() if token.special}
        # A model's vocabulary may be padded with tokens that its tokenizer does not know.
        unknown = set(range(vocabulary_size)) - set(self._fast.get_vocab().values())
        self._hidden = unknown | {id for id, text in self._special.items() if text not in MARKS} | set(self.marks)
        self.special_texts = tuple(self._special.values())

    @cached_property
    def grammar_tokens(self) -> LLTokenizer:
        """The tokens as llguidance knows them; made when first used, since that takes a second."""
        return LLTokenizer(self._fast.to_str(), n_vocab=self.vocabulary_size, eos_token=self._stop_order)

    @cached_property
    def longest_token_characters(self) -> int:
        return max(map(len, self._fast.get_vocab()))

    def encode(self, text: str, *, literal: bool = False, begin: bool = False) -> list[int]:
        """The tokens of a text; `literal` reads no special token in it, `begin` adds the model's own first token."""
        chosen = self._literal if literal else self._fast
        return list(chosen.encode(text, add_special_tokens=begin).ids)

    def since(self, mark: str, tokens: Sequence[int]) -> str:
        """The text of the tokens from the last of a mark on, marks included; none without that mark."""
        place = max((place for place, token in enumerate(tokens) if self.marks.get(token) == mark), default=len(tokens))
        return b"".join(map(self.data_of, tokens[place:])).decode("utf-8", "replace")

    def data_of(self, token_id: int) -> bytes:
        """The bytes of a token."""
        return bytes(self.grammar_tokens.decode_bytes([token_id]))

    def shown_data_of(self, token_id: int) -> bytes:
        """The bytes that a token adds to a reply; none for a special token."""
        return b"" if token_id in self._hidden else self.data_of(token_id)


class TextStream:
    """Turns tokens into text, and waits for the last byte of a character, but not beyond a mark."""

    def __init__(self, table: TokenTable) -> None:
        self._table = table
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, token_id: int) -> str:
        return self._decoder.decode(self._table.shown_data_of(token_id), final=token_id in self._table.marks)

    def finish(self) -> str:
        return self._decoder.decode(b"", final=True)
