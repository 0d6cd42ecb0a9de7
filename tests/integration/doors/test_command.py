"""The `dreams` command does what people type, and answers errors with one sentence and the right exit code."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from dreams import app
from memories.postgres.database import connect
from tests.conftest import ROOT, Dreams, sentence

NOTES = [
    {"id": str(n), "content": f"Note {n} about the tide gauge.", "created_at": "2026-03-01T09:00:00Z"} for n in range(5)
]

# Connections of commands that have waited for input for a second.
CONNECTED = (
    "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    " and state like 'idle%' and state_change < clock_timestamp() - interval '1 second'"
)
DEADLINE_SECONDS = 120


def eventually(counted: str) -> None:
    """Waits until a count is not 0."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    with connect(autocommit=True) as connection:
        while connection.execute(counted).fetchone() == (0,):
            assert time.monotonic() < deadline, "it never came"
            time.sleep(0.1)


def lines_file(folder: Path, *lines: bytes) -> str:
    file = folder / "notes.jsonl"
    file.write_bytes(b"\n".join(lines) + b"\n")
    return str(file)


def test_a_memory_is_stored_pinned_and_forgotten(store_url: str, dreams: Dreams) -> None:
    stored = json.loads(dreams("store", "The spare key hangs behind the clock", "--tags", "home,keys", "--json").stdout)
    assert dreams("pin", stored["id"][:8]).returncode == 0
    refused = dreams("forget", stored["id"][:8], input="n\n")
    assert refused.returncode == 0
    assert "spare key" in refused.stdout
    with connect() as connection:
        assert connection.execute("select count(*) from memories").fetchone() == (1,)
    assert dreams("forget", stored["id"][:8], "--yes").returncode == 0
    with connect() as connection:
        assert connection.execute("select count(*) from memories").fetchone() == (0,)


def commands(group: Any) -> Iterator[list[str]]:
    for name, command in group.commands.items():
        inner = [[name, *rest] for rest in commands(command)] if hasattr(command, "commands") else []
        yield from inner
        if not inner or command.invoke_without_command:
            yield [name]


def test_every_command_has_help_with_an_example() -> None:
    assert ["db", "scrub"] in list(commands(get_command(app)))
    for command in commands(get_command(app)):
        result = CliRunner().invoke(app, [*command, "--help"])
        assert result.exit_code == 0, command
        assert "Example:" in result.stdout, command


def test_a_bad_line_is_named_and_the_rest_loads(store_url: str, dreams: Dreams, tmp_path: Path) -> None:
    good = [json.dumps(note).encode() for note in NOTES]
    file = lines_file(
        tmp_path, good[0], b'{"content": ', good[1], b'{"content": "bad \xff utf-8"}', b'{"content": "a\\u0000b"}',
        b'{"content": ""}', b'{"content": "x", "created_at": "yesterday-ish"}', good[2],
    )  # fmt: skip
    result = dreams("ingest", "jsonl", file, "--json")
    loaded = json.loads(result.stdout)
    assert result.returncode == 0
    assert loaded["new"] == 4
    assert [entry.split(":")[1].strip() for entry in loaded["rejected"]] == ["2", "4", "6", "7"]
    assert "notes.jsonl:2" in sentence(result)
    again = json.loads(dreams("ingest", "jsonl", file, "--json").stdout)
    assert (again["new"], again["edited"], again["unchanged"]) == (0, 0, 4)


def test_secrets_that_were_masked_stay_masked_until_the_person_says_otherwise(
    store_url: str, dreams: Dreams, tmp_path: Path
) -> None:
    """Wherever the folder has moved, and for new notes in it."""
    here, there = tmp_path / "here" / "notes", tmp_path / "there" / "notes"
    here.mkdir(parents=True)
    there.parent.mkdir()
    (here / "old.md").write_text("password: hunter2hunter2")
    dreams("ingest", "markdown", str(here), "--redact")
    again = dreams("ingest", "markdown", str(here))
    assert "--no-redact" in sentence(again)
    assert "1 unchanged" in again.stdout
    here.rename(there)
    (there / "new.md").write_text("password: swordfish2swordfish2")
    dreams("ingest", "markdown", str(there))
    assert "fish" not in dreams("export").stdout
    assert "2 edited" in dreams("ingest", "markdown", str(there), "--no-redact").stdout
    assert "masked" not in dreams("ingest", "markdown", str(there)).stderr
    assert "fish2" in dreams("export").stdout


def test_a_content_of_ten_megabytes_and_strange_dates(store_url: str, dreams: Dreams, tmp_path: Path) -> None:
    notes = [
        {"id": "big", "content": "Every tide since the war. " * 400_000, "created_at": "1948-02-01"},
        {"id": "far", "content": "Opened in a time capsule.", "created_at": "2099-01-01T00:00:00+09:00"},
    ]
    loaded = dreams("ingest", "jsonl", lines_file(tmp_path, *(json.dumps(note).encode() for note in notes)), "--json")
    assert json.loads(loaded.stdout)["new"] > 1000
    exported = [json.loads(line) for line in dreams("export").stdout.splitlines()]
    assert sorted(line["content"] for line in exported if "content" in line) == sorted(
        note["content"] for note in notes
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ingest", "jsonl", "/nowhere/notes.jsonl"], "/nowhere/notes.jsonl"),
        (["ingest", "notion", "x"], "no source 'notion'"),
        (["ingest", "jsonl"], "say where"),
        (["ingest", "jsonl", "README.md", "--since", "yesterday"], "'yesterday' is not a date"),
        (["store", "  "], "nothing to store"),
        (["forget", "zzzzzz"], "not an id"),
        (["forget", "00000000"], "names no memory"),
        (["query", "last-weak"], "last-week"),
        (["run", "--stage", "rem"], "no stage 'rem'"),
        (["run", "--set", "x"], "sets nothing"),
        (["db", "restore", "/nowhere/all.zip"], "/nowhere/all.zip"),
        (["nonsense"], "nonsense"),
        (["export", "all.jsonl"], "write it like: dreams export > memories.jsonl"),
        (["open", "00000000", "--query-id", "nope"], "'nope' is no query_id"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    store_url: str, dreams: Dreams, arguments: list[str], says: str
) -> None:
    result = dreams(*arguments)
    assert says in sentence(result)
    assert result.returncode == 2


@pytest.mark.parametrize(
    ("variables", "command", "says"),
    [
        ({"POSTGRES_DB_URL": "postgresql://me:secret@127.0.0.1:9/none"}, ["stats"], "does not answer at"),
        ({"POSTGRES_DB_URL": "not a url"}, ["stats"], "POSTGRES_DB_URL"),
        ({"OLLAMA_URL": "http://127.0.0.1:9"}, ["run", "--stage", "working_memory"], "does not answer"),
        ({"EMBEDDING_MODEL": "no-such-model"}, ["embed"], "no model 'no-such-model'"),
    ],
)
def test_what_does_not_answer_is_named(
    store_url: str,
    dreams: Dreams,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    command: list[str],
    says: str,
) -> None:
    dreams("store", "Something to embed")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    result = dreams(*command)
    assert says in sentence(result)
    assert "secret" not in result.stderr
    assert result.returncode == 1


def test_debug_shows_the_traceback(store_url: str, dreams: Dreams) -> None:
    assert "Traceback" in dreams("forget", "zzzzzz", "--debug").stderr


def test_stats_health_and_query_speak_json(dreamt_url: str, dreams: Dreams) -> None:
    assert json.loads(dreams("stats", "--json").stdout)["total_memories"] > 300
    health = dreams("health", "--json")
    assert health.returncode == 0, health.stdout
    assert all(check["ok"] for check in json.loads(health.stdout))
    assert len(json.loads(dreams("query", "--json").stdout)) >= 10
    assert json.loads(dreams("query", "last-week", "--json").stdout)


def test_export_comes_back_as_the_same_memories(dreamt_url: str, dreams: Dreams, tmp_path: Path, server: str) -> None:
    (tmp_path / "all.jsonl").write_text(dreams("export").stdout)
    with connect() as connection:
        before = connection.execute(
            "select content, tags from memories where parent_id is null order by content"
        ).fetchall()
        events = connection.execute(
            "select kind, count(*) from dreams.recall_events where kind <> 'rehearsed' group by 1 order by 1"
        ).fetchall()
        connection.execute("truncate memories")
        connection.execute("drop schema dreams cascade")
    loaded = dreams("ingest", "jsonl", str(tmp_path / "all.jsonl"), "--json")
    assert json.loads(loaded.stdout)["rejected"] == []
    with connect() as connection:
        after = connection.execute(
            "select content, tags from memories where parent_id is null order by content"
        ).fetchall()
        assert after == before
        assert (
            connection.execute("select kind, count(*) from dreams.recall_events group by 1 order by 1").fetchall()
            == events
        )


@pytest.mark.parametrize(
    ("command", "begun"),
    [
        (["ingest", "jsonl", "-"], CONNECTED),
        (["run", "--stage", "consolidation"], "select count(*) from dreams.annotations"),
    ],
)
def test_an_interrupted_command_says_so_and_the_next_one_completes(
    store_url: str, dreams: Dreams, command: list[str], begun: str
) -> None:
    assert dreams("ingest", "sample").returncode == 0
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "dreams.py"), *command], cwd=ROOT, env=dict(os.environ), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    eventually(begun)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in said
    assert "Traceback" not in said
    assert dreams("run", "--stage", "consolidation").returncode == 0
    with connect() as connection:
        assert connection.execute("select count(*) from dreams.long_term_memories").fetchone()[0] > 300


def test_postgres_that_stops_in_the_middle_is_one_sentence(store_url: str, dreams: Dreams) -> None:
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "dreams.py"), "ingest", "jsonl", "-"], cwd=ROOT, env=dict(os.environ), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    eventually(CONNECTED)
    with connect(autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
    _, said = process.communicate("\n".join(map(json.dumps, NOTES)), timeout=60)
    assert process.returncode == 1
    assert "Postgres" in said
    assert "Traceback" not in said
    loaded = dreams("ingest", "jsonl", "-", "--json", input="\n".join(map(json.dumps, NOTES)))
    assert json.loads(loaded.stdout)["new"] == 5
