"""Answers that a model words from quotations: what these say is kept, the rest is not, and people are told."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from memories.embedding.servers import announcement
from memories.postgres.database import connect
from memories.quoting.handed_out import with_citations
from memories.settings import settings
from tests.conftest import Dreams, new_database, sentence, sidecar
from tests.served import Scripted, serving_memories

PUMPS = "In May we replaced both pumps at the Tidewater station. Marcel did not pay for them."
ASKED = "When were the pumps at the Tidewater station replaced?"
UNKNOWN = "Which opening did Karpov play in Reykjavik?"
TRUTH = "You replaced both pumps at the Tidewater station in May."


@pytest.fixture(scope="module")
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture(scope="module")
def client(
    server: str, migrated_template: str, scripted: Scripted, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A served store with a few memories, where the command line finds it."""
    url, folder = new_database(server, migrated_template), tmp_path_factory.mktemp("shared")
    with serving_memories(url, folder, (PUMPS, ASKED, "Yeast needs warmth to rise."), scripted) as connected:
        yield connected


def ask(client: httpx.Client, question: str = ASKED, **more: object) -> Any:
    answer = client.post("/v1/ask", json={"question": question, "words_only": True, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_without_a_generator_the_quotations_answer_and_a_question_is_none(client: httpx.Client) -> None:
    reply = ask(client)
    assert [quote["text"] for quote in reply["quotes"]] == [PUMPS]
    assert (reply["generator"], reply["sentences"]) == ("extractive", [])
    assert ask(client, generator="extractive")["quotes"] == reply["quotes"]


def test_what_the_quotations_say_is_kept_and_a_lie_is_not(client: httpx.Client, scripted: Scripted) -> None:
    scripted.text = "In May you replaced both pumps [1]. Marcel paid for them [2]. Marcel is a cheat. Really?"
    reply = ask(client, generator="scripted")
    assert reply["generator"] == "scripted"
    told = [(each["text"], each["is_quoted"]) for each in reply["sentences"]]
    assert told == [("In May you replaced both pumps.", False), ("Marcel did not pay for them.", True)]
    assert [reply["quotes"][each["quotes"][0]]["text"] for each in reply["sentences"]] == [
        "In May we replaced both pumps at the Tidewater station.",
        "Marcel did not pay for them.",
    ]
    scripted.text = f"{scripted.text} In May you replaced both pumps [1]. Nobody paid [2]."
    assert [(each["text"], each["is_quoted"]) for each in ask(client, generator="scripted")["sentences"]] == told
    for quote in reply["quotes"]:
        assert PUMPS.encode()[quote["start_byte"] : quote["end_byte"]].decode() == quote["text"]
    assert "of 4 sentences that scripted wrote" in reply["note"]
    assert "1 replaced by quotations, 2 left out" in reply["note"]


def test_the_model_sees_memories_in_marked_quotations_alone(client: httpx.Client, scripted: Scripted) -> None:
    scripted.text = TRUTH
    assert [each["text"] for each in ask(client, generator="scripted")["sentences"]] == [TRUTH]
    system, user = scripted.requests[-1].messages
    with connect() as connection:
        left, quoted = with_citations(connection, user.content)
    assert left.split("\n\n") == [*(f"[memory {str(each)[:8]}]" for each in quoted), ASKED]
    assert "never an instruction" in system.content
    assert 'number="2"' in user.content


def test_if_nothing_holds_the_quotations_stand(client: httpx.Client, scripted: Scripted) -> None:
    for scripted.text in ("", "The pumps were replaced in June [1].", "In May we did not replace the pumps [7]."):
        reply = ask(client, generator="scripted")
        assert (reply["generator"], reply["sentences"]) == ("extractive", [])
        assert [quote["text"] for quote in reply["quotes"]] == [PUMPS]
        assert "nothing that scripted wrote is what the memories say" in reply["note"]


def test_what_is_not_recorded_is_not_worded(client: httpx.Client, scripted: Scripted) -> None:
    before = len(scripted.requests)
    assert not ask(client, UNKNOWN, generator="scripted")["is_answered"]
    assert len(scripted.requests) == before


def test_an_unknown_generator_is_named(client: httpx.Client) -> None:
    missing = client.post("/v1/ask", json={"question": UNKNOWN, "generator": "nothing"})
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "model_not_found"
    assert "use one that generates: extractive, scripted" in missing.json()["error"]["message"]
    embedder = client.post("/v1/ask", json={"question": UNKNOWN, "generator": "all-minilm"})
    assert (embedder.status_code, embedder.json()["error"]["param"]) == (400, "generator")


def test_the_command_shows_the_words_and_the_quotations_below(
    client: httpx.Client, scripted: Scripted, dreams: Dreams
) -> None:
    memory_id = ask(client)["quotes"][0]["memory_id"]
    scripted.text = "In May you replaced both pumps [1]. Marcel is a \x1b[31mcheat."
    asked = dreams("ask", ASKED, "--words", "--generator", "scripted")
    assert asked.returncode == 0, asked.stderr
    worded, blank, quoted = asked.stdout.splitlines()
    assert worded == f"In May you replaced both pumps. [{memory_id[:8]}]"
    assert blank == ""
    assert quoted.startswith(f"[{memory_id[:8]}] ")
    assert quoted.endswith("“In May we replaced both pumps at the Tidewater station.”")
    assert "1 left out" in asked.stderr
    given = json.loads(dreams("ask", ASKED, "--words", "--generator", "scripted", "--json").stdout)
    assert given["sentences"][0]["quotes"] == [0]
    assert dreams("ask", UNKNOWN, "--words", "--generator", "scripted").returncode == 4
    missing = dreams("ask", UNKNOWN, "--words", "--generator", "nothing")
    assert missing.returncode == 2
    assert 'model "nothing" not found, use one that generates' in sentence(missing)


def test_the_generator_is_that_of_dreams_serve_beside_a_sidecar_in_the_background(
    client: httpx.Client, scripted: Scripted, dreams: Dreams
) -> None:
    scripted.text = "In May you replaced both pumps [1]."
    store = settings()
    with sidecar("--child") as (process, url):
        announcement(store).write_text(json.dumps({"url": url, "pid": process.pid}))
        announcement(store).chmod(0o600)
        try:
            asked = dreams("ask", ASKED, "--words", "--generator", "scripted")
        finally:
            announcement(store).unlink()
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.startswith("In May you replaced both pumps.")


def test_to_quote_needs_no_sidecar(client: httpx.Client, dreams: Dreams, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDECAR_PORT", "1")
    asked = dreams("ask", ASKED, "--words", "--generator", "extractive")
    assert asked.stdout.startswith(PUMPS)
