"""Explanations of a memory: strength and fate, events, edges, episode, insights, and its rank in a search."""

import json
from collections.abc import Iterator
from uuid import UUID

import pytest

from memories.errors import InputError, NotFound
from memories.memory import Memory
from memories.postgres.database import connect
from tests.conftest import Dreams
from tests.embedders import WordEmbedder


@pytest.fixture
def memory(dreamt_url: str) -> Iterator[Memory]:
    with Memory(embed=WordEmbedder()) as opened:
        yield opened


def superseded() -> tuple[UUID, UUID]:
    """A memory of the sample that another one revised, and the other one."""
    with connect() as connection:
        return connection.execute(
            "select memory_id, superseded_by from dreams.memory_states where superseded_by is not null"
            " order by memory_id limit 1"
        ).fetchone()


def test_a_memory_that_was_dreamt_of_tells_what_it_rests_on(memory: Memory) -> None:
    memory_id, successor = superseded()
    explanation = memory.why(str(memory_id)[:8])
    state, episode = explanation.state, explanation.episode
    with connect() as connection:
        strength, fate = connection.execute(
            "select strength, fate from dreams.long_term_memories where memory_id = %s", (memory_id,)
        ).fetchone()
    assert (state.strength, state.fate, state.superseded_by) == (strength, fate, successor)
    assert 0 < state.retrievability <= 1 < state.stability_days + 1
    assert state.superseded_by_gist
    assert explanation.event_count == len(explanation.events) >= 1
    assert explanation.events[-1].kind == "created"
    assert 1 <= episode.position <= episode.memory_count
    assert "supersession" in {insight.insight_type for insight in explanation.insights}
    weights = [edge.weight for edge in explanation.edges]
    assert weights == sorted(weights, reverse=True)
    assert all(edge.gist and edge.memory_id != memory_id for edge in explanation.edges)
    assert explanation.edge_count >= len(weights) > 0


def test_with_a_query_it_tells_its_place_and_each_terms_share(memory: Memory) -> None:
    answer = memory.search("penicillin allergy", words_only=False)
    third = answer.results[2]
    place = memory.why(third.memory.id, "penicillin allergy").place
    assert (place.query, place.rank, place.folded_into) == ("penicillin allergy", 3, None)
    assert place.relevance == pytest.approx(third.relevance)
    assert place.relevance == pytest.approx(sum(place.terms.values()))


def test_one_that_the_search_does_not_find_has_no_rank(memory: Memory) -> None:
    stored = memory.store("Quetzal")
    place = memory.why(stored, "ornithopter").place
    assert place.of == 200
    if place.rank is None:
        assert (place.relevance, place.terms) == (None, {})


def test_one_that_no_cycle_has_seen_says_what_is_known(memory: Memory) -> None:
    explanation = memory.why(memory.store("A thought of just now"))
    assert (explanation.state, explanation.episode, explanation.place) == (None, None, None)
    assert [event.kind for event in explanation.events] == ["created"]
    assert (list(explanation.edges), list(explanation.insights)) == ([], [])


def test_what_is_not_there_is_refused(memory: Memory) -> None:
    with pytest.raises(NotFound):
        memory.why("0000000000")
    with pytest.raises(InputError):
        memory.why(superseded()[0], " ")


def test_the_command_tells_people_and_programs(dreamt_url: str, dreams: Dreams) -> None:
    memory_id, successor = superseded()
    told = dreams("why", str(memory_id)[:8], "--query", "timestamps").stdout
    for part in (
        str(memory_id),
        "For 'timestamps'",
        "Strength",
        str(successor)[:8],
        "in the episode",
        "Edges",
        "Events",
        "Insights",
    ):
        assert part in told
    known = json.loads(dreams("why", str(memory_id), "--json").stdout)
    assert known["memory"]["id"] == str(memory_id)
    assert known["state"]["superseded_by"] == str(successor)
    assert known["edges"][0]["weight"] > 0
    assert dreams("why", "00000000").returncode == 2
