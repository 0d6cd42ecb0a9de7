"""Passages cover a content without a gap, say exactly what it says, and are short enough to be read whole."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from memories.embedding.passages import LIMIT_BYTES, passages

# Long contents of every script: a few parts, repeated.
PARTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=80)
CONTENTS = st.builds(
    lambda parts, times: "".join(parts) * times, st.lists(PARTS, min_size=1, max_size=6), st.integers(1, 60)
)


@settings(max_examples=200, deadline=None)
@given(CONTENTS)
def test_passages_cover_the_content(content: str) -> None:
    found = passages(content)
    assert [each.text for each in found] == [content[each.from_character : each.to_character] for each in found]
    assert found[0].from_character == 0 and found[-1].to_character == len(content)
    assert all(later.from_character <= earlier.to_character < later.to_character for earlier, later in pairwise(found))
    assert all(len(each.text.encode()) <= LIMIT_BYTES for each in found)
    assert (len(found) == 1) == (len(content.encode()) <= LIMIT_BYTES)
