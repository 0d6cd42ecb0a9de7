"""Search results and their reasons: each term, filters, the past, duplicates, chunks."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy
import psycopg
import pytest

from memories.embedding.vectors import Vectors
from memories.memory import Memory
from memories.records import Answer, Filters, Term

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIRECTIONS = ["boat", "garden", "letter"]


def embed(texts: Sequence[str]) -> Vectors:
    """Vectors along the axes of the words of DIRECTIONS in a text; without any, along the diagonal."""
    vectors = numpy.full((len(texts), 8), 0.1, dtype=numpy.float32)
    for row, text in enumerate(texts):
        for place, word in enumerate(DIRECTIONS):
            vectors[row, place] += word in text.lower() or ("vessel" in text.lower() and word == "boat")
    return vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def memory(store_url: str) -> Iterator[Memory]:
    with Memory(store_url, embed=embed) as opened:
        yield opened


@pytest.fixture
def dreamt(memory: Memory, store_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection to a store with a published, empty cycle."""
    with psycopg.connect(store_url, autocommit=True) as connection:
        connection.execute(
            "insert into dreams.cycles (as_of, stages, state, parameters, code_version, published_at) values"
            ' (now(), \'{long_term}\', \'published\', \'{"forgetting_rate": 0.5, "fsrs_decay": 0.1542, "timezone": "UTC", "night_hour": 3}\','
            " 'test', now())"
        )
        yield connection


def filler(memory: Memory, count: int = 40) -> None:
    for number in range(count):
        memory.store(
            f"Entry {number}: nothing of note on shelf {number * 7}.", created_at=NOON - timedelta(days=number + 2)
        )


def join(connection: psycopg.Connection[tuple[object, ...]], one: UUID, other: UUID, edge_type: str) -> None:
    connection.execute(
        "insert into dreams.edge_states values (least(%(a)s, %(b)s), greatest(%(a)s, %(b)s), %(t)s, .9, .9, 1, now(), now())",
        {"a": one, "b": other, "t": edge_type},
    )


def place(
    connection: psycopg.Connection[tuple[object, ...]], memory_id: UUID, position: int, previous: UUID | None = None
) -> None:
    connection.execute(
        "insert into dreams.episode_members (memory_id, episode_id, position, occurred_at, subtask_memory_ids, people,"
        " previous_memory_id, emotional_salience, co_activation_count) values (%s, 'talk#1', %s, now(), '{}', '{}', %s, 0, 0)",
        (memory_id, position, previous),
    )


def found(answer: Answer) -> list[UUID]:
    return [result.memory.id for result in answer.results]


def terms_of(answer: Answer, memory_id: UUID) -> dict[Term, float]:
    return next(dict(result.terms) for result in answer.results if result.memory.id == memory_id)


def test_words_and_meaning_both_find(memory: Memory) -> None:
    filler(memory)
    by_word, by_meaning = memory.store("The xylophone is in the attic."), memory.store("Our old boat leaks.")
    assert found(memory.search("xylophone", 3))[0] == by_word
    assert found(memory.search("vessel", 3))[0] == by_meaning
    assert memory.search("vessel", 3, words_only=True).method == "words"
    assert by_meaning not in found(memory.search("vessel", 3, words_only=True))


def test_relevance_is_the_sum_of_the_terms_and_each_can_be_left_out(memory: Memory) -> None:
    filler(memory)
    memory.store("The boat is moored at the pier.", metadata={"people": ["Ada"]})
    best = memory.search("Where did Ada moor the boat?").results[0]
    assert best.relevance == pytest.approx(sum(best.terms.values()))
    assert {"dense", "lexical", "people", "asking", "episode", "retrievability"} <= set(best.terms)
    for term in best.terms:
        assert term not in memory.search("Where did Ada moor the boat?", without=[term]).results[0].terms


@pytest.mark.parametrize("edge_type", ["temporal", "entity", "hebbian", "semantic"])
def test_what_is_joined_to_a_find_is_found(
    memory: Memory, dreamt: psycopg.Connection[tuple[object, ...]], edge_type: Term
) -> None:
    filler(memory)
    cue, joined = memory.store("The zither concert"), memory.store("Mind the wet paint")
    join(dreamt, cue, joined, edge_type)
    assert terms_of(memory.search("zither", 5), joined)[edge_type] > 0
    assert joined not in found(memory.search("zither", 2, without=[edge_type, "dense"]))


def test_the_session_of_a_find_is_lifted(memory: Memory, dreamt: psycopg.Connection[tuple[object, ...]]) -> None:
    filler(memory)
    talked = [memory.store(text) for text in ("About the zither", "Pass me the salt", "Good night")]
    for position, memory_id in enumerate(talked):
        place(dreamt, memory_id, position + 1)
    join(dreamt, talked[0], talked[1], "temporal")
    answer = memory.search("zither", 5)
    assert terms_of(answer, talked[1])["episode"] == terms_of(answer, talked[0])["episode"] > 0


def test_a_question_yields_to_its_answer(memory: Memory, dreamt: psycopg.Connection[tuple[object, ...]]) -> None:
    filler(memory)
    question, answer = memory.store("Where is the zither? Do you know?"), memory.store("Behind the piano.")
    place(dreamt, question, 1)
    place(dreamt, answer, 2, previous=question)
    join(dreamt, question, answer, "temporal")
    terms = memory.search("zither", 5)
    assert terms_of(terms, question)["asking"] < 0 == terms_of(terms, answer)["asking"]
    assert terms_of(terms, answer)["temporal"] > 0.2 * 0.9 * sum(
        terms_of(terms, question)[term] for term in ("dense", "lexical")
    )


def test_who_takes_part_is_known_by_name(memory: Memory) -> None:
    filler(memory)
    said = memory.store("I had a bad day", metadata={"speaker": "Will Byers"})
    addressed = memory.store("Will, you had a bad day", metadata={"speaker": "Joyce"})
    answer = memory.search("Did Will have a bad day?")
    assert terms_of(answer, said)["people"] > terms_of(answer, addressed)["people"] == 0
    assert "people" not in memory.search("will it have a bad day").results[0].terms


def test_filters_narrow_it_however_many_others_match_better(memory: Memory) -> None:
    for number in range(250):
        memory.store(f"boat boat boat {number}", metadata={"agent": "a"}, tags=["sea"], created_at=NOON)
    wanted = memory.store(
        "long before, among many other words, a boat", metadata={"agent": "b", "n": {"x": 1, "y": 2}},
        tags=["lake", "old"], created_at=NOON - timedelta(days=9),
    )  # fmt: skip
    day = timedelta(days=1)
    for filters in (
        Filters(agent="b"), Filters(tags=["lake"]), Filters(tags=["lake", "old"]), Filters(created_until=NOON - day),
        Filters(metadata={"n": {"x": 1}}), Filters(created_from=NOON - 10 * day, created_until=NOON - day),
    ):  # fmt: skip
        assert found(memory.search("boat", 5, filters)) == [wanted], filters
        assert found(memory.search("boat", 5, filters, words_only=True)) == [wanted], filters
    assert not memory.search("boat", 5, Filters(agent="b", tags=["sea"])).results
    assert wanted not in found(memory.search("boat", 5, Filters(agent="a")))


def test_the_past_holds_what_there_was(memory: Memory) -> None:
    old = memory.store("the boat of old", created_at=NOON - timedelta(days=9))
    new = memory.store("the boat of late", created_at=NOON)
    assert found(memory.search("boat", as_of=NOON - timedelta(days=1))) == [old]
    assert set(found(memory.search("boat", as_of=NOON))) == {old, new}


def test_what_says_nearly_the_same_is_folded(memory: Memory) -> None:
    filler(memory)
    first = memory.store("The spare key of the boat hangs behind the clock in the hall of our house.")
    again = memory.store("the spare key of the boat hangs behind the clock, in the hall of our house")
    other = memory.store("The spare key of the boat hangs behind clock 2 in the hall of our house.")
    results = memory.search("spare key boat clock", 5).results
    folded = next(result for result in results if result.duplicates)
    assert {folded.memory.id, *folded.duplicates} == {first, again}
    assert other in [result.memory.id for result in results]
    assert [result.rank for result in results] == list(range(1, len(results) + 1))


def test_a_chunk_comes_back_as_its_document(memory: Memory) -> None:
    filler(memory)
    chapters = [f"Chapter {number}. " + f"Words of chapter {number} go on. " * 150 for number in range(8)]
    chapters[5] += "Here the zither is mentioned. "
    content = "\n\n".join(chapters)
    document = memory.store(content)
    best = memory.search("zither").results[0]
    assert best.memory.id == document and best.memory.content == content and best.memory.total_chunks > 1
    assert "zither" in best.passage and len(best.passage) < len(content) and best.passage_id != document


def test_what_is_nearly_forgotten_stays_findable(
    memory: Memory, dreamt: psycopg.Connection[tuple[object, ...]]
) -> None:
    filler(memory)
    old = memory.store("The zither was sold to a dealer in Riga.", created_at=NOON - timedelta(days=9000))
    fresh = memory.store("A dealer called.")
    dreamt.execute(
        "insert into dreams.memory_states (memory_id, agent, created_at, stability_days, difficulty, last_reviewed_at,"
        " review_count, lapse_count, access_count, last_accessed_at, presentation_count, last_presented_at, encoding,"
        " association_sum, pinned, semantic_gist, concepts, knowledge_type, abstraction_level, semantic_associations,"
        " provenance, consolidation_source) select id, '', created_at, .1, 9, created_at, 1, 0, 0, created_at, 1,"
        " created_at, 0, 0, false, '', '{}', 'episodic', 1, '{}', '{}', 'encoding' from public.memories where id = %s",
        (old,),
    )
    answer = memory.search("which dealer bought the zither")
    assert found(answer)[0] == old
    assert 0 < terms_of(answer, old)["retrievability"] < 0.5 * terms_of(answer, fresh)["retrievability"]


def test_a_note_is_found_by_its_title_and_other_names(memory: Memory) -> None:
    filler(memory)
    names = {"title": "Boat wifi", "aliases": ["JFK", "Kennedy airport"]}
    note = memory.store("hunter2-is-long-gone", metadata=names)
    for query in ("wifi", "JFK", "kennedy"):
        assert found(memory.search(query, 1, words_only=True)) == [note]
    by_meaning = memory.search("vessel", 1, without=["lexical"]).results[0]
    assert (
        by_meaning.memory.id == note and by_meaning.cosine_similarity is not None and by_meaning.cosine_similarity > 0.9
    )


def test_another_name_gives_another_vector(memory: Memory) -> None:
    filler(memory)
    note = memory.store("Nothing to see here", metadata={"aliases": ["the garden"]})
    assert found(memory.search("garden", 1, without=["lexical"])) == [note]
    memory.edit(note, metadata={"aliases": ["the letter"]})
    assert found(memory.search("letter", 1, without=["lexical"])) == [note]


@pytest.mark.parametrize("asked", ["project", "#Project", "PROJECT/alpha", "work"])
def test_a_tag_is_found_by_those_above_it_in_any_case(memory: Memory, asked: str) -> None:
    nested = memory.store("Nested tags", tags=["project/Alpha", "Work"])
    memory.store("Another project", tags=["projects", "homework"])
    assert found(memory.search("tags project", filters=Filters(tags=[asked]))) == [nested]


def test_a_misspelt_word_finds_what_is_spelt_nearly_so_and_the_answer_says_it(memory: Memory) -> None:
    filler(memory)
    allergy = memory.store("Ola is allergic to peanuts.")
    answer = memory.search("alergic penuts", 1, words_only=True)
    assert found(answer) == [allergy]
    assert answer.respelled == {"alergic": "allergic", "penuts": "peanuts"}
    assert not memory.search("allergic to peanuts", words_only=True).respelled
    assert not memory.search("qwzzk x17b9 4711", words_only=True).respelled


STATE = """
insert into dreams.memory_states (
    memory_id, agent, created_at, stability_days, difficulty, last_reviewed_at, review_count, lapse_count, access_count,
    last_accessed_at, presentation_count, last_presented_at, encoding, association_sum, pinned, semantic_gist, concepts,
    knowledge_type, abstraction_level, semantic_associations, superseded_by, provenance, consolidation_source
) values (
    %(id)s, 'default', now(), 10, 5, now(), 1, 0, 1, now(), 1, now(), .5, 0, false, '', '{}', 'semantic', 1, '{}', %(by)s, '{}', ''
) on conflict (memory_id) do update set superseded_by = excluded.superseded_by
"""


def supersede(connection: psycopg.Connection[tuple[object, ...]], earlier: UUID, later: UUID) -> None:
    connection.execute(STATE, {"id": earlier, "by": later})


def test_what_was_replaced_comes_after_what_replaced_it_unless_the_past_is_asked_for(
    memory: Memory, dreamt: psycopg.Connection[tuple[object, ...]]
) -> None:
    filler(memory)
    first, second, third = (
        memory.store(text) for text in ("I live in Oslo, we live here", "I live in Bergen", "Moved to Umeå")
    )
    supersede(dreamt, second, third)
    supersede(dreamt, first, second)
    answer = memory.search("Where do I live now?", 3)
    assert found(answer) == [third, second, first]
    assert [result.superseded_by for result in answer.results] == [None, third, second]
    assert all(result.relevance == pytest.approx(sum(result.terms.values())) for result in answer.results)
    before = found(memory.search("Where did I live before?", 3))
    assert before.index(first) < before.index(second)
    assert found(memory.search("Where do I live now?", 3, without=["supersession"]))[0] == first


def test_the_best_passage_of_a_long_memory_is_found_and_shown(memory: Memory) -> None:
    filler(memory)
    before, after = "Rain fell all morning on the quay. " * 40, "We had soup for supper once more. " * 40
    long = memory.store(f"{before}The garden gate key lies in the attic. {after}")
    memory.store("A letter about trains")
    best = memory.search("what about the garden?", 1).results[0]
    assert best.memory.id == long
    assert "garden" in best.excerpt and len(best.excerpt) < 1_000 < len(best.passage)


def test_what_a_person_says_comes_before_what_an_assistant_says_of_it(memory: Memory) -> None:
    filler(memory)
    asked, told = (
        memory.store(text, metadata={"role": role})
        for role, text in (
            ("user", "I keep the zither in the attic. Is it safe?"),
            ("assistant", "A zither in the attic is safe."),
        )
    )
    answer = memory.search("zither in the attic", 2)
    assert found(answer) == [asked, told]
    assert terms_of(answer, told)["assistant"] < 0 == terms_of(answer, asked)["asking"]
