"""What a search says of its certainty, the time that a question names, and the answers of `dreams ask`."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from memories.evidence.asking import ask
from memories.evidence.quotes import quotes
from memories.memory import Memory
from memories.records import Answer
from tests.conftest import Dreams, eventually

KNOWN = "What is the goal for the three-day flood forecast?"
UNKNOWN = "Which chess opening did Magnus choose in the final against Karpov?"


@pytest.fixture
def memory(dreamt_url: str) -> Iterator[Memory]:
    with Memory(dreamt_url) as opened:
        yield opened


def test_two_days_before_an_event_is_found_by_the_date_of_the_event(memory: Memory) -> None:
    wedding = datetime(2024, 6, 15, 12, tzinfo=UTC)
    memory.store("The wedding of Ilse and Okan was in the orchard.", created_at=wedding)
    bought = memory.store("Bought blue suede shoes.", created_at=wedding - timedelta(days=2))
    memory.store("Bought a red raincoat.", created_at=wedding - timedelta(days=200))
    asked = "What had I bought two days before the wedding of Ilse and Okan?"
    for words_only in (False, True):
        results = memory.search(asked, 3, words_only=words_only, record=False).results
        assert results[0].memory.id == bought
        assert results[0].terms["time"] > 0


def test_a_question_about_the_store_is_surer_than_one_about_another_life(memory: Memory) -> None:
    for words_only in (False, True):
        known = memory.search(KNOWN, words_only=words_only, record=False)
        unknown = memory.search(UNKNOWN, words_only=words_only, record=False)
        assert known.is_sure
        assert not unknown.is_sure
        assert 0 <= unknown.confidence < known.confidence <= 1


def test_an_answer_quotes_memories_byte_for_byte_and_records_that(memory: Memory) -> None:
    reply = ask(memory, KNOWN)
    assert reply.is_answered
    for quote in reply.quotes:
        content = memory.get(quote.memory_id, record=False).content.encode()
        assert content[quote.start_byte : quote.end_byte].decode() == quote.text
    assert any("three-day flood forecast" in quote.text for quote in reply.quotes)
    quoted = reply.quotes[0].memory_id
    assert eventually(lambda: any(event.kind == "cited" for event in memory.why(quoted).events))


def test_an_answer_leaves_out_what_was_deleted_since_the_search(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = memory.store("The osprey nests at Kielder weir.")
    search = memory.search

    def found_and_deleted(*given: object, **options: object) -> Answer:
        answer = search(*given, **options)
        memory.forget(stored)
        return answer

    monkeypatch.setattr(memory, "search", found_and_deleted)
    reply = ask(memory, "Where does the osprey nest?", words_only=True)
    assert stored not in {quote.memory_id for quote in reply.quotes} | {miss.memory.id for miss in reply.misses}


def test_the_best_result_is_quoted_though_its_relevance_is_below_zero(memory: Memory) -> None:
    answer = memory.search(KNOWN, words_only=True, record=False)
    lower = [replace(result, relevance=result.relevance - 100) for result in answer.results]
    assert quotes(replace(answer, results=lower))[0] == quotes(answer)[0]


def test_what_is_not_recorded_is_said_to_be_so(dreamt_url: str, dreams: Dreams) -> None:
    asked = dreams("ask", UNKNOWN)
    assert asked.returncode == 4
    assert asked.stdout.startswith("Not recorded")
    assert "What comes nearest:" in asked.stdout
    found = dreams("ask", KNOWN, "--json")
    assert found.returncode == 0
    assert json.loads(found.stdout)["is_answered"]
    listed = dreams("search", UNKNOWN)
    assert listed.stdout.startswith("Nothing sure was found")


def test_yesterday_finds_what_was_stored_yesterday_whatever_its_words(memory: Memory) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    stored = memory.store("Sourdough rose well in the cellar.", created_at=yesterday)
    answer = memory.search("what did I do yesterday?", record=False)
    assert answer.results[0].memory.id == stored
    assert answer.results[0].terms["time"] > 0
    assert "time" not in memory.search("what did I do yesterday?", without=["time"], record=False).results[0].terms
    earlier = memory.search("what did I do yesterday?", as_of=yesterday - timedelta(days=30), record=False)
    assert all(result.memory.id != stored for result in earlier.results)
