"""The chunks of any text are valid, small enough and distinct, and reassemble into it."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from memories.documents.chunk import (
    LIMIT_BYTES,
    OVERLAP_BYTES,
    chunk,
    reassemble,
)

PIECES = st.text(st.characters(codec="utf-8"), max_size=60)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=12), st.integers(1, 400), st.sampled_from(["", " ", "\n\n", ". ", "。"]))
def test_chunks_give_the_content_back(pieces: list[str], repeat: int, separator: str) -> None:
    content = separator.join(pieces * repeat)
    parts = chunk(content)
    assert reassemble(parts) == content
    assert len({part.text for part in parts}) == len(parts)
    # An overlap grows only when a text repeats itself, by one character for each repetition.
    assert all(len(part.text.encode()) <= LIMIT_BYTES + 4 * len(parts) for part in parts)
    assert all(a.byte_end - b.byte_start >= OVERLAP_BYTES for a, b in itertools.pairwise(parts))


@settings(max_examples=60, deadline=None)
@given(st.text("ab. \n", min_size=1, max_size=40), st.integers(0, 40))
def test_the_last_chunk_is_cut_anew_however_much_of_it_others_have(piece: str, more: int) -> None:
    content = piece * (LIMIT_BYTES // len(piece) + 1 + more)
    *_, before, last = chunk(content)
    taken = {content[last.byte_start : end] for end in range(before.byte_end, len(content) + 1)}
    parts = chunk(content, taken)
    assert reassemble(parts) == content
    assert not {part.text for part in parts} & taken
