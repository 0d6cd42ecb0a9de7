"""Embedding over the Ollama protocol: real vectors, resumption, and failures that stay visible and are retried."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy
import ollama
import pytest

from ingest.loading.load import load
from ingest.vectors.embed import count_waiting, embed
from ingest.vectors.embed_tags import embed_tags
from ingest.vectors.reduce import FEWEST_MEMORIES, reduce
from memories.embedding.servers import models
from memories.errors import ModelError, ModelUnreachable
from memories.postgres.database import Connection, connect
from memories.records import Document
from tests.conftest import ollama_server

MODEL = "all-minilm"


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    with connect(autocommit=True) as opened:
        yield opened


def fill(connection: Connection, *texts: str) -> None:
    load(connection, [Document("test", str(number), text) for number, text in enumerate(texts)])


@contextmanager
def server(
    dimensions: int = 768, poison: str = "poison", broken: str = "hole"
) -> Iterator[tuple[ollama.Client, list[int]]]:
    """A stub of Ollama's /api/embed that fails on batches with `poison`, and returns NaN for `broken`."""
    sizes: list[int] = []

    def answer(body: dict[str, Any]) -> tuple[int, dict[str, object]]:
        sizes.append(len(body["input"]))
        if any(poison in text for text in body["input"]):
            return 500, {"error": "cannot embed this"}
        first = [float("nan") if broken in text else 3.0 for text in body["input"]]
        return 200, {"model": body["model"], "embeddings": [[value] + [0.0] * (dimensions - 1) for value in first]}

    with ollama_server(answer) as client:
        yield client, sizes


def test_vectors_are_those_of_the_real_model_and_have_length_one(connection: Connection) -> None:
    texts = ["The gauge fell silent.", "Varnish the hull on Saturday. " * 30, "水位計が止まった"]
    fill(connection, *texts)
    with models() as client:
        assert embed(connection, client, MODEL).embedded == 3
        expected = {text: client.embed(model=MODEL, input=text).embeddings[0] for text in texts}
    rows = connection.execute(
        "select content, embedding_vector::real[], vector_magnitude, embedding_model from memories"
    )
    for content, vector, magnitude, model in rows.fetchall():
        assert model == MODEL
        assert abs(numpy.linalg.norm(vector) - 1) < 1e-4
        assert abs(magnitude - 1) < 1e-4
        assert numpy.abs(numpy.array(vector[:384]) - expected[content]).max() < 1e-5
        assert not any(vector[384:])
    with models() as client:
        assert embed(connection, client, MODEL).embedded == 0


def test_a_text_that_fails_stays_without_a_vector_with_its_reason_and_is_tried_again(connection: Connection) -> None:
    fill(connection, *(f"note {number}" for number in range(9)), "poison", "hole")
    with server() as (client, _):
        outcome = embed(connection, client, "other")
    assert (outcome.embedded, outcome.failed) == (9, 2)
    failures = "select m.content, f.reason, f.attempts from dreams.embedding_failures as f join memories as m on m.id = f.memory_id order by 1"
    assert connection.execute(failures).fetchall() == [
        ("hole", "the model gave no usable vector", 1), ("poison", "500: cannot embed this", 1),
    ]  # fmt: skip
    with server() as (client, _):
        embed(connection, client, "other")
    assert [row[2] for row in connection.execute(failures)] == [2, 2]
    with server(poison="-", broken="-") as (client, _):
        assert embed(connection, client, "other").embedded == 2
    assert connection.execute(failures).fetchall() == []
    assert count_waiting(connection, "other") == 0


def test_texts_of_like_length_share_a_batch(connection: Connection) -> None:
    fill(connection, *("word " * (number % 7 + 1) + str(number) for number in range(600)))
    with server() as (client, sizes):
        embed(connection, client, "other")
    assert sizes == [256, 256, 88]


def test_a_dead_server_is_named_and_what_was_done_is_kept(connection: Connection) -> None:
    fill(connection, "one")
    with pytest.raises(ModelUnreachable, match="does not answer"):
        embed(connection, ollama.Client(host="http://127.0.0.1:9"), MODEL)
    assert count_waiting(connection, MODEL) == 1


def test_a_missing_model_is_named(connection: Connection) -> None:
    fill(connection, "one")
    with models() as client, pytest.raises(ModelUnreachable, match="no model 'nothing-here'"):
        embed(connection, client, "nothing-here")


def test_a_model_with_too_many_dimensions_is_refused(connection: Connection) -> None:
    fill(connection, "one")
    with server(dimensions=1024) as (client, _), pytest.raises(ModelError, match="1024 dimensions"):
        embed(connection, client, "large")
    assert connection.execute("select embedding_vector from memories").fetchone() == (None,)


def test_another_model_replaces_the_vectors_of_the_one_before(connection: Connection) -> None:
    fill(connection, "one", "two")
    with server() as (client, _):
        embed(connection, client, "first")
        assert count_waiting(connection, "second") == 2
        embed(connection, client, "second")
    assert connection.execute("select distinct embedding_model from memories").fetchall() == [("second",)]


def test_reduced_vectors_keep_the_neighbours_and_their_axes_are_recorded(dreamt_url: str) -> None:
    with connect(autocommit=True) as connection:
        rows = connection.execute(
            "select embedding_vector::real[], embedding_reduced::real[] from memories order by id"
        ).fetchall()
        assert len(rows) >= FEWEST_MEMORIES
        full, reduced = (numpy.array([row[column] for row in rows]) for column in (0, 1))
        centred = full - full.mean(axis=0)
        centred /= numpy.linalg.norm(centred, axis=1, keepdims=True)
        nearest_full = numpy.argsort(-(centred @ centred.T), axis=1)[:, 1:11]
        nearest_reduced = numpy.argsort(-(reduced @ reduced.T), axis=1)[:, 1:11]
        shared = [len(set(a) & set(b)) for a, b in zip(nearest_full, nearest_reduced, strict=True)]
        assert numpy.mean(shared) > 9
        assert reduce(connection, MODEL) == 0
        axes = connection.execute(
            "select version, count(*), max(trained_on) from dreams.learned_vectors where name = 'reduction' group by 1"
        ).fetchall()
        assert axes == [(1, 257, len(rows))]


def test_few_memories_have_no_reduced_vectors_yet(connection: Connection) -> None:
    fill(connection, "one", "two")
    with server() as (client, _):
        embed(connection, client, "other")
    assert reduce(connection, "other") == 0


def test_a_matryoshka_model_is_cut(connection: Connection) -> None:
    fill(connection, "one")
    with server() as (client, _):
        embed(connection, client, "nomic-embed-text")
    assert reduce(connection, "nomic-embed-text") == 1
    (vector,) = connection.execute("select embedding_reduced::real[] from memories").fetchone()
    assert vector == [1.0] + [0.0] * 255


def test_tags_have_a_vector_that_does_not_depend_on_their_order(connection: Connection) -> None:
    load(
        connection,
        [
            Document("test", "1", "one", tags=["sea", "harbour"]),
            Document("test", "2", "two", tags=["harbour", "sea"]),
            Document("test", "3", "three", tags=["tram"]),
            Document("test", "4", "four"),
        ],
    )
    with models() as client:
        embed(connection, client, MODEL)
        assert embed_tags(connection, client, MODEL) == 2
        assert embed_tags(connection, client, MODEL) == 0
        one, two, three, four = [
            connection.execute("select tag_embedding::real[] from memories where content = %s", (content,)).fetchone()[
                0
            ]
            for content in ("one", "two", "three", "four")
        ]
        assert one == two != three
        assert four is None
        connection.execute("update memories set tags = '{tram,sea}' where content = 'one'")
        assert embed_tags(connection, client, MODEL) == 1
