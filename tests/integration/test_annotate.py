"""A content is annotated once; a chat model's answers stand beside the rules', the invalid ones in quarantine."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ollama
import pytest

from ingest.annotate import annotate_chat, annotate_rules
from ingest.load import load
from ingest.rules import RULES_VERSION
from memories.database import Connection, connect
from memories.records import Document
from tests.conftest import ollama_server

VALID = {"entities": [], "topics": ["tide"], "sentiment": 0.5, "task_type": "goal", "gist": "tide", "revises": False}


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    with connect(autocommit=True) as opened:
        load(opened, [Document("test", str(number), f"The tide table {number} is wrong.") for number in range(3)])
        yield opened


@contextmanager
def chat(*answers: str) -> Iterator[tuple[ollama.Client, list[int]]]:
    """An Ollama whose chat model gives these answers in turn; the list grows by one with each question."""
    asked: list[int] = []

    def answer(body: dict[str, Any]) -> tuple[int, dict[str, object]]:
        content = answers[len(asked) % len(answers)]
        asked.append(1)
        return 200, {"model": body["model"], "message": {"role": "assistant", "content": content}, "done": True}

    with ollama_server(answer) as client:
        yield client, asked


def test_every_content_is_annotated_once(connection: Connection) -> None:
    assert annotate_rules(connection).annotated == 3
    assert annotate_rules(connection).annotated == 0
    rows = connection.execute("select distinct annotator, annotator_version from dreams.annotations").fetchall()
    assert rows == [("rules", RULES_VERSION)]


def test_a_new_content_is_annotated_anew(connection: Connection) -> None:
    annotate_rules(connection)
    load(connection, [Document("test", "0", "The tide table 0 is right after all.")])
    assert annotate_rules(connection).annotated == 1


def test_invalid_answers_are_kept_in_quarantine_and_not_asked_for_again(connection: Connection) -> None:
    annotate_rules(connection)
    with chat(json.dumps(VALID), "I will not.", "") as (client, asked):
        outcome = annotate_chat(connection, client, "m")
        assert (outcome.annotated, outcome.quarantined) == (1, 2)
        annotate_chat(connection, client, "m")
        assert len(asked) == 3
    kept = connection.execute("select count(*) from dreams.annotations where annotator = 'rules'").fetchone()
    assert kept == (3,)
    answers = connection.execute("select answer from dreams.annotation_quarantine order by answer").fetchall()
    assert answers == [("",), ("I will not.",)]


def test_an_answer_with_a_nul_is_quarantined_too(connection: Connection) -> None:
    with chat("nul \0 here") as (client, _):
        assert annotate_chat(connection, client, "m").quarantined == 3
