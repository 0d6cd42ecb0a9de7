"""Generates with a causal language model of transformers, in our own decode loop."""

import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from secrets import token_hex
from time import perf_counter
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from sidecar.generators.decoding.batch import DecodingBatch
from sidecar.generators.decoding.harmony import CALL, MARKS, RETURN, speaks_harmony
from sidecar.generators.decoding.row import Row
from sidecar.generators.decoding.template import ChatTemplate
from sidecar.generators.decoding.tokens import TokenTable
from sidecar.generators.errors import ContextExceeded, InvalidRequest, UnloadableModel
from sidecar.generators.model_folder import describe, template_source
from sidecar.generators.protocol import ChatMessage, GenerationRequest, Piece

# What transformers raises at folders that are damaged or of an unknown kind.
DAMAGES = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ImportError, SafetensorError)


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
        try:
            # Others enter before the first step, so that short prompts are read together.
            self._batch.enter(row)
            yield Piece()
            while row.pieces or not row.is_finished:
                # A step that another reply took may have brought pieces of this one.
                if not row.pieces:
                    self._batch.step()
                ready = tuple(row.pieces)
                row.pieces.clear()
                yield from ready or (Piece(),)
            if row.error is not None:
                raise row.error
        finally:
            self._batch.leave(row)

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
        """Puts a name for what spells a special token, which would else begin another message."""

        def named(text: str) -> str:
            name = f"\ue000{token_hex(16)}\ue001"
            literals[name] = text
            return name

        def guarded(text: str) -> str:
            return named(text) if any(special in text for special in self._table.special_texts) else text

        def guarded_json(text: str) -> str:
            # Templates read and write the JSON, so only what is spelled in its strings gets a name.
            for special in filter(text.__contains__, self._table.special_texts):
                text = text.replace(special, named(special))
            return text

        return message._replace(
            content=guarded(message.content),
            reasoning=guarded(message.reasoning),
            tool_calls=[
                call._replace(arguments=guarded_json(_unescaped(call.arguments))) for call in message.tool_calls
            ],
        )

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


def _unescaped(arguments: str) -> str:
    """A call's JSON with each character as itself, since an escaped one may spell a special token, too."""
    try:
        return json.dumps(json.loads(arguments), ensure_ascii=False)
    except ValueError:
        return arguments


def load(folder: Path) -> CausalModel:
    """Loads a folder, on a GPU if there is one, and runs no code from it.

    Raises UnloadableModel when the folder is damaged or of no known kind.
    """
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    card = describe(folder)
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model, report = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=_dtype(config.dtype),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    except DAMAGES as error:
        reason = " ".join(str(error).split())[:300]
        raise UnloadableModel(f"{folder} cannot be loaded, replace it or name another folder: {reason}") from error
    lacking = sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]]))
    if lacking:
        raise UnloadableModel(f"{folder} lacks weights ({', '.join(lacking[:3])}, ...): fetch the whole model again")
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise UnloadableModel(f"{folder} has no tokenizer.json: convert its tokenizer with transformers")
    model = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    source = template_source(folder)
    marks = MARKS if source is not None and speaks_harmony(source) else ()
    stop_ids = _stop_ids(folder, config, tokenizer)
    if marks:
        known = tokenizer.get_added_vocab()
        unknown = [mark for mark in marks if mark not in known]
        if unknown:
            raise UnloadableModel(f"{folder} has no token {unknown[0]}, which its chat template needs: fetch it again")
        stop_ids += [known[RETURN], known[CALL]]
    table = TokenTable(tokenizer, int(config.get_text_config().vocab_size), stop_ids, marks)
    special = {name: str(text) for name, text in tokenizer.special_tokens_map.items() if isinstance(text, str)}
    return CausalModel(model, table, None if source is None else ChatTemplate(source, special), card.context_tokens)


def _dtype(saved: torch.dtype | None) -> torch.dtype | str:
    """The type to compute in: the saved one on a GPU; on a processor float32, unless bfloat16 is as fast there."""
    if torch.cuda.is_available():
        return "auto"
    if saved is not torch.bfloat16:
        return torch.float32
    return (
        torch.bfloat16 if _seconds_of_product(torch.bfloat16) <= _seconds_of_product(torch.float32) else torch.float32
    )


def _seconds_of_product(dtype: torch.dtype) -> float:
    """The time of a product of a weight matrix and the vector of one token, the best of five."""
    weight, vector = torch.ones(2048, 2048, dtype=dtype), torch.ones(1, 2048, dtype=dtype)
    seconds = []
    for _ in range(5):
        started = perf_counter()
        torch.nn.functional.linear(vector, weight)
        seconds.append(perf_counter() - started)
    return min(seconds)


def _stop_ids(folder: Path, config: Any, tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """The tokens that end a reply, first those of the generation config."""
    sources = [tokenizer.eos_token_id, getattr(config, "eos_token_id", None)]
    if (folder / "generation_config.json").is_file():
        sources.insert(0, GenerationConfig.from_pretrained(folder, local_files_only=True).eos_token_id)
    found: list[int] = []
    for source in sources:
        found += source if isinstance(source, list) else [] if source is None else [source]
    if not found:
        raise UnloadableModel(f"{folder} names no token that ends a reply: set eos_token_id in generation_config.json")
    return found
