"""Results are readable: every term has a name, and a gist is one line without control characters."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from memories.records import TERMS, Memoir, Recalled
from memories.views.reasons import (
    GIST_CHARACTERS,
    TERM_NAMES,
    gist,
    result_lines,
    terms,
)

MEMORY = Memoir(
    id=UUID("3f2a91c0-0000-4000-8000-000000000000"),
    content="The spare key\nhangs behind the clock",
    context="",
    summary="",
    tags=[],
    metadata={},
    created_at=datetime(2026, 3, 1, tzinfo=UTC),
    updated_at=datetime(2026, 3, 1, tzinfo=UTC),
)


def test_every_term_has_a_name() -> None:
    assert set(TERM_NAMES) == set(TERMS)
    assert len(set(TERM_NAMES.values())) == len(TERMS)


def test_terms_that_count_come_largest_first() -> None:
    assert (
        terms({"dense": 2.06, "lexical": 3.4, "episode": 0.04, "asking": -1.0})
        == "words 3.4, meaning 2.1, only asks -1.0"
    )


def test_a_gist_is_one_line_of_limited_length() -> None:
    assert gist(MEMORY) == "The spare key hangs behind the clock"
    assert gist(MEMORY, "\x1b[31m tide\u202e \x00") == "[31m tide"
    assert len(gist(MEMORY, "tide " * 100)) == GIST_CHARACTERS


def test_a_result_is_two_lines() -> None:
    result = Recalled(
        MEMORY, 1, 3.4, {"lexical": 3.4}, 0.611, None, MEMORY.content, MEMORY.id, MEMORY.content, [MEMORY.id]
    )
    assert list(result_lines(result, "retained")) == [
        "  1  2026-03-01  3f2a91c0  The spare key hangs behind the clock",
        "     words 3.4 · cosine 0.61 · fate retained · stands for 1 more like it",
    ]


def test_every_year_has_four_digits() -> None:
    old = replace(MEMORY, created_at=datetime(3, 5, 6, tzinfo=UTC))
    result = Recalled(old, 1, 3.4, {"lexical": 3.4}, 0.611, None, MEMORY.content, MEMORY.id, MEMORY.content)
    assert next(iter(result_lines(result, None))).startswith("  1  0003-05-06  ")
