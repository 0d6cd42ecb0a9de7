"""Any text can be indexed and is found by its own terms."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memories.lexical.changes import BEGINNING
from memories.lexical.in_memory import Tail
from memories.lexical.languages import ENGLISH, STEMMERS, language_of
from memories.lexical.on_disk import opened, write
from memories.lexical.terms import (
    LONGEST_WORD_BYTES,
    SEPARATOR,
    names,
    pairs,
    query_words,
    row_terms,
    terms,
)
from tests.conftest import ROOT

ANY = st.text(st.characters(), max_size=200)
KEPT = st.characters(codec="utf-8", exclude_characters="\0")
TEXTS = st.one_of(
    st.text(KEPT, max_size=200),
    st.text(st.characters(max_codepoint=0x2F, exclude_characters="\0"), max_size=50),
    st.text(st.characters(min_codepoint=0x3040, max_codepoint=0x9FFF), max_size=100),
    st.builds(str.__mul__, st.text(KEPT, min_size=1, max_size=3), st.integers(3_000, 10_000)),
    st.lists(st.sampled_from(["heron", "naïve", "Straße", "สวัสดี", "река", "ＦＵＬＬ", "re\u0301sume\u0301"])).map(
        " ".join
    ),
)


@settings(max_examples=500, deadline=None)
@given(ANY)
def test_any_text_has_terms_and_they_are_always_the_same(text: str) -> None:
    found = terms(text)
    assert found == terms(text)
    assert all(term and len(term.encode()) < 4 * LONGEST_WORD_BYTES for term in found)


@settings(max_examples=20, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=25))
def test_any_text_is_found_by_its_terms(texts: Sequence[str]) -> None:
    rows = [(UUID(int=number), SEPARATOR + text) for number, text in enumerate(texts)]
    tail = Tail()
    for memory_id, text in rows:
        tail.put(memory_id, 1, text)
    with TemporaryDirectory() as folder:
        write(Path(folder), "test", None, BEGINNING, rows)
        on_disk = opened(Path(folder), check=True)
        assert on_disk is not None and on_disk.live_row_count == len(rows)
        for memory_id, text in rows:
            wanted = dict.fromkeys(row_terms(text), 1.0)
            assert (memory_id in on_disk.search(wanted, 100)) == bool(wanted)
            assert (memory_id in tail.search(wanted, on_disk.stamp.mean_length)) == bool(wanted)
            assert all(on_disk.frequency(term) == tail.frequency(term) for term in wanted)


SENTENCES = [
    "Wir haben die alten Häuser am Fluss besichtigt",
    "Les voisins chantaient des chansons pendant toute la soirée",
    "Мы осматривали несколько новых домов на берегу реки",
    "Οι γάτες κοιμούνται πάντα στις καρέκλες της κουζίνας",
    "வீடுகளில் மரங்கள் வளர்கின்றன",
    "Komşularımızın evleri denize bakıyordu",
    "昨天我们在东京见到了老朋友",
]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.one_of(st.text(KEPT, max_size=50), st.sampled_from(SENTENCES)), min_size=1, max_size=3).map(" ".join),
    st.permutations([language for language in STEMMERS if language != ENGLISH]),
)
def test_any_text_is_found_by_each_of_its_words_in_any_order_of_languages(text: str, others: list[str]) -> None:
    indexed = set(row_terms(SEPARATOR + text))
    found = query_words(text, [ENGLISH, *others])
    assert found == query_words(text, [ENGLISH, *STEMMERS.keys() - {ENGLISH}])
    assert not any(word.isdisjoint(indexed) for word in found)
    assert bool(found) == bool(terms(text, language_of(text)))


def test_a_memory_is_of_the_language_that_it_is_surely_in() -> None:
    assert [language_of(text) for text in SENTENCES] == ["de", "fr", "ru", "el", "ta", "tr", "en"]
    for unsure in ("", "42", "Haus", "Texas barbecue?", "Yeah im the latter", "Add `HttpError`", "initialDelaySeconds"):
        assert language_of(unsure) == ENGLISH


def test_english_memories_have_the_terms_of_the_english_stemmer_alone() -> None:
    lines = map(json.loads, (ROOT / "sample" / "memories.jsonl").read_text().splitlines())
    contents = [line["content"] for line in lines if "content" in line]
    english = [content for content in contents if language_of(content) == ENGLISH]
    assert len(english) > 0.98 * len(contents)
    for content in english:
        found = terms(content)
        assert row_terms(SEPARATOR + content) == [*found, *pairs(found)]
        assert query_words(content, [ENGLISH]) == [frozenset([term]) for term in found]
        known = set().union(*query_words(content, list(STEMMERS)))
        assert {term for term in known if ":" not in term} == set(found)


def test_words_are_told_apart_and_put_together() -> None:
    assert terms("Running, the RUNNER ran") == ["run", "runner", "ran"]
    assert terms("Kåhög naïve Straße") == ["kahog", "naiv", "strass"]
    assert terms("水位 ひらがな") == ["水", "位", "ひ", "ら", "が", "な"]
    assert terms("re\u0301sume\u0301 ＦＵＬＬ") == terms("résumé full")
    assert terms("Αθήνα за́мок مُحَمَّد") == terms("ΑΘΗΝΑ замок محمد")
    assert terms("x" * 10_000) == []
    assert terms("a\ud800b") == ["b"]


@pytest.mark.parametrize(
    ("identifier", "parts"),
    [
        ("initialDelaySeconds", "initial delay seconds"),
        ("XMLHttpRequest", "xml http request"),
        ("JSONParser", "json parser"),
        ("max_retry_count", "max retry count"),
        ("spring.jpa.show-sql", "spring jpa show sql"),
    ],
)
def test_an_identifier_has_its_parts_and_stays_whole(identifier: str, parts: str) -> None:
    assert set(terms(parts)) <= set(terms(identifier))
    assert set(terms(identifier.lower())) <= set(terms(identifier))


def test_emoji_are_words() -> None:
    assert terms("🦜") == terms("parrot")
    assert terms("👍🏽") == terms("👍") != []
    assert terms("🇳🇴 ❤️") == terms("Norway, red heart")


def test_a_stop_word_with_the_capitals_of_a_name_is_a_word() -> None:
    assert terms("IT") == terms("Ask the IT desk")[1:2] != []
    assert set(terms("the Who")) <= set(terms("We saw The Who in 1970"))
    assert terms("It is who I am. The others are it") == ["other"]
    assert terms("WHERE IS IT AND WHO HAS IT") == []


def test_names_keep_their_letters() -> None:
    assert names("Anna Will McDonald") == ["anna", "will", "mcdonald"]
