"""Rules annotate any text validly and repeatably, and composed letters like decomposed ones."""

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.annotation.rules import annotate_by_rule
from ingest.annotation.schema import MAXIMUM_ENTITIES, Annotation, normalised_topic

TEXT_OF_MANY_FORMS = """
    The we naïve café Ångström gauges need to 10 m, http://a.b/c no longer åäö l'été d'eau são 水位计 ใน한국어를 🙂
    `x_y` - [ ] # TODO: @me ... ! ? ’s 's - " “Big ” [[New ]] B. of 6
"""
WORDS = st.sampled_from(TEXT_OF_MANY_FORMS.split(" "))
SENTENCES = st.lists(WORDS, max_size=40).map(" ".join)
TEXTS = st.text(st.characters(exclude_categories=()), max_size=300) | SENTENCES


@given(TEXTS, TEXTS)
def test_any_text_is_annotated_validly_and_alike_each_time(content: str, context: str) -> None:
    annotation = annotate_by_rule(content, context)
    assert Annotation.model_validate_json(annotation.model_dump_json()) == annotation
    assert annotate_by_rule(content, context) == annotation
    assert bool(annotation.gist) == bool(content)
    assert annotation.topics == [normalised_topic(topic) for topic in annotation.topics]


@given(SENTENCES | st.text(max_size=300))
def test_composed_and_decomposed_letters_are_read_alike(content: str) -> None:
    composed, decomposed = unicodedata.normalize("NFC", content), unicodedata.normalize("NFD", content)
    assert annotate_by_rule(composed) == annotate_by_rule(decomposed)


@settings(max_examples=10, deadline=None)
@given(st.text(min_size=1, max_size=20))
def test_repetition_keeps_it_bounded(content: str) -> None:
    annotation = annotate_by_rule(content * 3_000)
    assert len(annotation.entities) <= MAXIMUM_ENTITIES
    assert len(annotation.topics) <= 6
