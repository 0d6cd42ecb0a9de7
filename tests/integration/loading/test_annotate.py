"""Each content is annotated once; a chat model's answers complement the rules', invalid ones go to quarantine."""

import json
import multiprocessing
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ollama
import psutil
import pytest

from ingest.annotation import annotate
from ingest.annotation.annotate import annotate_chat, annotate_rules
from ingest.annotation.rules import RULES_VERSION, annotate_by_rule
from ingest.cycle.run import enrich, open_cycle
from ingest.loading.load import load
from memories.errors import CycleFailed, ModelError
from memories.postgres.database import Connection, connect
from memories.records import Document
from tests.conftest import eventually, forget_settings, ollama_server

VALID = {"entities": [], "topics": ["tide"], "sentiment": 0.5, "task_type": "goal", "gist": "tide", "revises": False}


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    with connect(autocommit=True) as opened:
        load(opened, [Document("test", str(number), f"The tide table {number} is wrong.") for number in range(3)])
        yield opened


@contextmanager
def chat(*answers: str) -> Iterator[tuple[ollama.Client, list[int]]]:
    """An Ollama whose chat model gives these answers in turn; the list gets an item for each question."""
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


def test_many_are_annotated_as_few_are(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotate, "PAGE", 2)
    monkeypatch.setattr(annotate, "SHARE", 1)
    assert annotate_rules(connection).annotated == 3
    for content, topics, gist in connection.execute(
        "select content, topics, gist from public.memories inner join dreams.annotations using (content_hash)"
    ):
        expected = annotate_by_rule(str(content))
        assert (topics, gist) == (expected.topics, expected.gist)
    assert multiprocessing.active_children() == []


def test_where_a_process_that_annotates_ends_the_rest_is_done_next_time(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(connection, [Document("test", str(number), f"The tide table {number} is wrong.") for number in range(3, 9)])
    monkeypatch.setattr(annotate, "PAGE", 2)

    def end_them(_: int) -> None:
        for child in multiprocessing.active_children():
            child.kill()
            child.join()

    with pytest.raises(CycleFailed, match="run again"):
        annotate_rules(connection, end_them)
    assert annotate_rules(connection).annotated == 7


def test_processes_that_annotate_end_with_the_one_that_started_them() -> None:
    command = """
import os, sys, signal
from multiprocessing import get_context
from concurrent.futures import ProcessPoolExecutor
from ingest.child import end_with_starter
if __name__ == "__main__":
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=end_with_starter) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""
    said = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=False).stdout
    assert eventually(lambda: not is_running(int(said)))


def is_running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


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


def test_what_a_server_refuses_keeps_the_rules_and_is_asked_for_again(connection: Connection) -> None:
    annotate_rules(connection)
    asked: list[str] = []

    def answer(body: dict[str, Any]) -> tuple[int, dict[str, object]]:
        asked.append(body["messages"][1]["content"])
        if len(asked) == 2:
            return 500, {"error": "out of memory"}
        return 200, {
            "model": body["model"],
            "message": {"role": "assistant", "content": json.dumps(VALID)},
            "done": True,
        }

    with ollama_server(answer) as client:
        with pytest.raises(ModelError, match=r"out of memory.*the rules' annotation stands"):
            annotate_chat(connection, client, "m")
        assert len(asked) == 3
        assert annotate_chat(connection, client, "m").annotated == 1
    assert asked[3] == asked[1]
    counts = connection.execute("select annotator, count(*) from dreams.annotations group by annotator").fetchall()
    assert sorted(counts) == [("m", 3), ("rules", 3)]


def test_a_broken_server_is_not_asked_for_ever_and_the_cycle_says_so(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(connection, [Document("test", str(number), f"The tide table {number} is wrong.") for number in range(3, 9)])
    asked: list[int] = []

    def answer(_: dict[str, Any]) -> tuple[int, dict[str, object]]:
        asked.append(1)
        return 500, {"error": "out of memory"}

    with ollama_server(answer) as client, open_cycle() as opened:
        monkeypatch.setenv("ANNOTATION_MODEL", "m")
        monkeypatch.setenv("OLLAMA_URL", str(client._client.base_url))
        forget_settings()
        connection.execute("update memories set embedding_vector = array_fill(0.1, array[768])::vector")
        connection.execute("update memories set embedding_model = 'all-minilm'")
        enrich(opened)
    assert len(asked) == 3
    assert "out of memory" in str(opened.cycle.problem)
    assert opened.cycle.annotated == 9
