"""Contents are cut at good boundaries and reassemble whole."""

import itertools

import pytest

from memories.documents.chunk import (
    LIMIT_BYTES,
    OVERLAP_BYTES,
    chunk,
    reassemble,
)


def test_a_short_content_is_one_chunk() -> None:
    assert [part.text for part in chunk("Varnish the hull.")] == ["Varnish the hull."]


def test_a_content_of_exactly_the_limit_is_one_chunk() -> None:
    assert len(chunk("a" * LIMIT_BYTES)) == 1
    assert len(chunk("a" * (LIMIT_BYTES + 1))) == 2


def test_chunks_end_at_paragraphs_when_there_are_any() -> None:
    paragraph = "The gauge at the bridge fell silent. " * 30
    content = "\n\n".join([paragraph.strip()] * 20)
    assert all(part.text.endswith("\n\n") for part in chunk(content)[:-1])


@pytest.mark.parametrize("sentence", ["Gauge {} fell silent again. ", "水位計{}が止まった。", "Прибор {} замолчал. "])
def test_chunks_end_at_sentences_otherwise(sentence: str) -> None:
    content = "".join(sentence.format(number) for number in range(1500))
    ends = {part.text.rstrip()[-1] for part in chunk(content)}
    assert ends <= {".", "。"}


def test_consecutive_chunks_overlap() -> None:
    parts = chunk("".join(f"Sentence number {number} of the log. " for number in range(2000)))
    overlaps = [before.byte_end - after.byte_start for before, after in itertools.pairwise(parts)]
    assert all(OVERLAP_BYTES <= overlap <= OVERLAP_BYTES + 3 for overlap in overlaps)


def test_no_chunk_is_longer_than_the_limit() -> None:
    assert max(len(part.text.encode()) for part in chunk("word " * 20_000)) <= LIMIT_BYTES


def test_a_content_that_repeats_itself_still_has_distinct_chunks() -> None:
    parts = chunk("x" * 500_000)
    assert len({part.text for part in parts}) == len(parts)
    assert reassemble(parts) == "x" * 500_000


def test_a_chunk_that_another_document_has_is_cut_differently() -> None:
    content = "The same appendix. " * 2000
    taken = frozenset(part.text for part in chunk(content)[1:])
    other = chunk(content, taken)
    assert not taken & {part.text for part in other}
    assert reassemble(other) == content
