"""Any document that a model can write within the schema of an annotation is a valid annotation."""

from random import Random

import pytest
import torch
from llguidance import LLMatcher

from ingest.annotation.chat import validated
from ingest.annotation.schema import Annotation
from sidecar.generators.decoding.constraint import BLANKS, Constraint
from sidecar.generators.decoding.tokens import TokenTable
from tests.tiny_models import SHAPE, tiny_tokenizer

DOCUMENTS = 20


@pytest.fixture(scope="module")
def table() -> TokenTable:
    return TokenTable(tiny_tokenizer(), SHAPE["vocab_size"], [SHAPE["eos_token_id"]])


def constrained(table: TokenTable) -> Constraint:
    grammar = LLMatcher.grammar_from_json_schema(
        Annotation.model_json_schema(), overrides={"whitespace_pattern": BLANKS}
    )
    return Constraint(grammar, table, "format", torch.device("cpu"))


@pytest.mark.parametrize("seed", range(DOCUMENTS))
def test_any_tokens_that_are_allowed_make_a_valid_annotation(table: TokenTable, seed: int) -> None:
    constraint = constrained(table)
    chosen, written = Random(seed), b""  # noqa: S311
    # Some are cut early, as by a limit of tokens.
    for _ in range(chosen.choice([5, 50, 500])):
        if constraint.is_complete:
            break
        token = chosen.choice(constraint.allowed().nonzero().flatten().tolist())
        constraint.accept(token)
        written += table.data_of(token)
    for token in constraint.closing(written.decode("utf-8", "replace")):
        written += table.data_of(token)
    assert validated(written.decode()).gist


@pytest.mark.parametrize(
    "begun", ['{"entities":[],"topics":[],"sentiment":0.5', '{"entities":[{"text":"A', '{"entities":[]']
)
def test_a_document_that_is_cut_anywhere_is_completed(table: TokenTable, begun: str) -> None:
    constraint = constrained(table)
    for token in table.encode(begun, literal=True):
        constraint.accept(token)
    written = b"".join(table.data_of(token) for token in constraint.closing(begun))
    assert validated(begun + written.decode()).gist
