"""`dreams search` and `dreams forget`: their output for people and for programs, and their errors."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from memories.embedding.embedder import Embedder
from memories.embedding.servers import running
from memories.memory import Memory
from memories.postgres.database import connect
from memories.settings import settings
from tests.conftest import Dreams

NOTES = {
    "The spare key hangs behind the clock": {"tags": ["home", "keys"], "metadata": {"agent": "ada", "floor": 2}},
    "The key of the boat lies in the harbour office": {"tags": ["boat"], "metadata": {"agent": "ben"}},
    "Yeast needs warmth to rise": {"tags": ["kitchen"], "metadata": {}},
}


@pytest.fixture
def notes(store_url: str) -> dict[str, str]:
    """The ids of three notes, by their first words."""
    with Memory() as memory:
        return {content[:9]: str(memory.store(content, **more)) for content, more in NOTES.items()}


def found(dreams: Dreams, *arguments: str) -> list[str]:
    answer = json.loads(dreams("search", *arguments, "--words", "--json").stdout)
    return [result["memory"]["content"][:9] for result in answer["results"]]


def test_each_result_is_a_line_with_its_reasons_below(notes: dict[str, str], dreams: Dreams) -> None:
    first, reasons, *_ = dreams("search", "spare key", "--words", "-k", "1").stdout.splitlines()
    rank, date, short_id, *gist = first.split()
    assert (rank, short_id, " ".join(gist)) == ("1", notes["The spare"][:8], "The spare key hangs behind the clock")
    assert time.strptime(date, "%Y-%m-%d")
    assert "words " in reasons


def test_fates_are_told_where_there_are_any(dreamt_url: str, dreams: Dreams) -> None:
    told = dreams("search", "penicillin", "--words").stdout
    assert "fate " in told
    answer = json.loads(dreams("search", "penicillin", "--words", "--json").stdout)
    assert answer["results"][0]["fate"] in ("consolidated", "retained", "fading", "dormant")
    assert answer["results"][0]["terms"]["lexical"] > 0


def test_filters_narrow_it(notes: dict[str, str], dreams: Dreams) -> None:
    assert sorted(found(dreams, "key")) == ["The key o", "The spare"]
    assert found(dreams, "key", "--tags", "keys, home") == ["The spare"]
    assert found(dreams, "key", "--agent", "ben") == ["The key o"]
    assert found(dreams, "key", "--where", "floor=2") == ["The spare"]
    assert found(dreams, "key", "--until", "2001-01-01") == []
    assert found(dreams, "key", "--from", "2099-01-01") == []
    assert found(dreams, "key", "--as-of", "2001-01-01") == []
    assert found(dreams, "key", "-k", "1", "--without", "retrievability") != []


def test_nothing_found_says_what_to_try(store_url: str, dreams: Dreams) -> None:
    result = dreams("search", "anything", "--words")
    assert result.returncode == 0
    assert "try other words" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([" "], "nothing to search for"),
        (["key", "-k", "0"], "1 to 1000"),
        (["key", "--without", "magic"], "no term 'magic'"),
        (["key", "--from", "yesterday"], "'yesterday' is not a date"),
        (["key", "--where", "floor"], "sets nothing"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    store_url: str, dreams: Dreams, arguments: list[str], says: str
) -> None:
    result = dreams("search", *arguments)
    assert says in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
    assert result.returncode == 2


def test_a_memory_cannot_steer_the_terminal(store_url: str, dreams: Dreams) -> None:
    with Memory() as memory:
        memory.store("[red]wipe[/red] \x1b[2J\x1b]0;owned\x07 the\r screen")
    told = dreams("search", "wipe the screen", "--words").stdout
    assert "[red]wipe[/red] [2J ]0;owned the screen" in told
    assert "\x1b" not in told


def test_without_a_running_model_it_answers_at_once_starts_one_and_says_so(
    notes: dict[str, str], dreams: Dreams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DREAMS_HOME", str(tmp_path))
    monkeypatch.setenv("SIDECAR_PORT", "1")
    settings.cache_clear()
    told = dreams("search", "spare key")
    assert told.stdout.splitlines()[0].endswith("behind the clock")
    assert "words and associations alone" in told.stderr
    assert "--wait" in told.stderr
    waited = dreams("search", "where is what opens the door?", "--wait", "--json")
    assert (json.loads(waited.stdout)["method"], waited.stderr) == ("full", "")
    assert Embedder(waits=False).is_ready()
    again = json.loads(dreams("search", "where is what opens the door?", "--json").stdout)
    assert (again["method"], again["note"]) == ("full", None)
    assert again["results"][0]["cosine_similarity"] is not None
    assert running(settings()) is not None
    os.kill(json.loads((tmp_path / "sidecar.json").read_text())["pid"], signal.SIGTERM)


def test_words_need_no_model(notes: dict[str, str], dreams: Dreams, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_URL", "http://127.0.0.1:9")
    assert dreams("search", "key", "--words").stderr == ""
    told = dreams("search", "key")
    assert "OLLAMA_URL" in told.stderr
    assert told.returncode == 0


def test_forget_says_what_would_go_and_asks(notes: dict[str, str], dreams: Dreams) -> None:
    told = dreams("forget", notes["The spare"][:8], input="n\n")
    assert "spare key" in told.stdout
    assert "events" in told.stdout
    assert "Kept." in told.stdout
    kept = json.loads(dreams("forget", notes["The spare"], "--json", input="n\n").stdout)
    would_remove = {"public.memories": 1, "dreams.recall_events": 1}
    assert kept == {"id": notes["The spare"], "forgotten": False, "would_remove": would_remove}
    gone = json.loads(dreams("forget", notes["The spare"], "--json", "--yes").stdout)
    assert (gone["forgotten"], gone["removed"]["public.memories"]) == (True, 1)
    assert "dreams db scrub" in gone["remains"][0]["until"]
    assert found(dreams, "spare key") == ["The key o"]
    with connect() as connection:
        assert connection.execute("select count(*) from memories").fetchone() == (2,)
