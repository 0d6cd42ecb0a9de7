"""`dreams chat`: what is recalled beside a conversation, what can be typed, and what is kept of it."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from memories.postgres.database import connect
from tests.conftest import ROOT, Dreams, eventually, new_database, sentence
from tests.served import Scripted, found, serving_memories

CLOCK = "The spare key hangs behind the clock in the hall."
PUMPS = "In May we replaced both pumps at the Tidewater station."


@pytest.fixture
def scripted() -> Scripted:
    return Scripted("Glad to hear it.")


@pytest.fixture
def client(
    server: str, migrated_template: str, scripted: Scripted, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    url, folder = new_database(server, migrated_template), tmp_path_factory.mktemp("chat")
    with serving_memories(url, folder, (CLOCK, PUMPS), scripted) as connected:
        yield connected


def kept() -> list[tuple[str, str, str]]:
    """Role and text of what was stored of conversations, and the generator."""
    with connect() as connection:
        rows = connection.execute(
            "select metadata ->> 'role', content, context from memories where metadata ->> 'channel' = 'dreams chat'"
            " order by created_at, 1 desc"
        ).fetchall()
    return [(str(role), str(content), str(context)) for role, content, context in rows]


def test_memories_answer_by_themselves_and_commands_act_on_them(client: httpx.Client, dreams: Dreams) -> None:
    (clock,) = (each for each in found(client, "clock", words_only=True, k=1))
    typed = [
        "where does the spare key hang?", f"/why {clock[:8]}", "/store The boat lies on the slip", "/help", "/dance",
        "/why", f"/forget {clock[:8]}", "n", "/forget 00000000", f"/forget {clock[:8]}", "y",
        "where does the spare key hang?", "/quit", "n",
    ]  # fmt: skip
    done = dreams("chat", "--generator", "extractive", input="\n".join([*typed, ""]))
    assert done.returncode == 0, done.stderr
    said = done.stdout
    margin = next(line for line in said.splitlines() if line.startswith("│"))
    assert margin.split()[1] == clock[:8]
    assert margin.endswith(CLOCK)
    assert f"{CLOCK} [{clock[:8]}]" in said
    assert "Stored as " in said
    assert "/forget ID" in said
    assert said.index("Kept.") < said.index("Forgotten") < said.index("Not recorded") < said.index("was stored.")
    for sorry in ("there is no /dance: /help", "write it like /why ID", "names no memory"):
        assert sorry in sentence(done)
    assert found(client, "The boat lies on the slip", words_only=True)
    assert kept() == []


def test_a_model_talks_and_its_words_are_told_from_the_memories(
    client: httpx.Client, scripted: Scripted, dreams: Dreams
) -> None:
    done = dreams("chat", "--generator", "scripted", input="The pumps at the Tidewater station run.\nGood night\n")
    assert done.returncode == 0, done.stderr
    assert "Glad to hear it." in done.stdout
    assert "│ scripted's own words, which no memory says: 1 of 1 sentences" in done.stdout
    assert "Nothing of this conversation was stored." in done.stdout
    first, second = scripted.requests
    assert PUMPS in first.messages[-1].content
    assert first.messages[-1].content.count("<recalled-memory-") >= 1
    assert [message.content for message in second.messages[1:]] == [
        "The pumps at the Tidewater station run.", "Glad to hear it.", "Good night",
    ]  # fmt: skip
    scripted.text = "We replaced both pumps at Tidewater. That was wise."
    done = dreams("chat", "--generator", "scripted", input="The pumps at the Tidewater station run.\n")
    assert "│ rests on [" in done.stdout
    assert "1 of 2 sentences" in done.stdout


def test_a_question_that_memories_answer_gets_what_they_say(
    client: httpx.Client, scripted: Scripted, dreams: Dreams
) -> None:
    scripted.text = "The spare key hangs in the locker room [1]."
    done = dreams("chat", "--generator", "scripted", input="where does the spare key hang?\n")
    assert "locker" not in done.stdout
    assert f"{CLOCK} [" in done.stdout
    assert "nothing that scripted wrote is what the memories say" in done.stdout


def test_what_is_remembered_has_citations_for_what_was_recalled(
    client: httpx.Client, scripted: Scripted, dreams: Dreams
) -> None:
    scripted.text = "We replaced both pumps at Tidewater. That was wise."
    (pumps,) = found(client, "pumps", words_only=True, k=1)
    done = dreams("chat", "--generator", "scripted", "--remember", input="The pumps at the Tidewater station run.\n")
    assert "Stored 2 messages" in done.stdout
    about = "a conversation with scripted"
    assert kept() == [
        ("user", "The pumps at the Tidewater station run.", about),
        ("assistant", f"[memory {pumps[:8]}] That was wise.", about),
    ]
    done = dreams("chat", "--generator", "extractive", input="where does the spare key hang?\n/quit\ny\n")
    assert "Stored 1 messages" in done.stdout
    assert kept()[-1] == ("user", "where does the spare key hang?", "a conversation with extractive")


def test_no_answer_rests_on_what_a_generator_once_said(
    client: httpx.Client, scripted: Scripted, dreams: Dreams
) -> None:
    scripted.text = "Your blue bicycle stands in the cellar."
    dreams("chat", "--generator", "scripted", "--remember", input="My blue bicycle is somewhere.\n")
    assert ("assistant", scripted.text, "a conversation with scripted") in kept()
    reply = client.post("/v1/ask", json={"question": "Where does my blue bicycle stand?", "words_only": True}).json()
    assert scripted.text not in {quote["text"] for quote in reply["quotes"]}
    again = dreams("chat", "--generator", "scripted", input="So my blue bicycle stands in the cellar.\n").stdout
    assert "which no memory says: 1 of 1 sentences" in again


def test_what_was_forgotten_is_not_said_again(client: httpx.Client, scripted: Scripted, dreams: Dreams) -> None:
    scripted.text = "We replaced both pumps at Tidewater."
    (pumps,) = found(client, "pumps", words_only=True, k=1)
    typed = ["The pumps at the Tidewater station run.", f"/forget {pumps}", "y", "Good night"]
    done = dreams("chat", "--generator", "scripted", "--remember", input="\n".join([*typed, ""]))
    assert [message.content for message in scripted.requests[-1].messages[1:]] == ["Good night"]
    assert [text for role, text, _ in kept() if role == "user"] == ["Good night"]
    assert done.returncode == 0


def test_the_default_is_the_one_of_the_sidecar(client: httpx.Client, dreams: Dreams) -> None:
    assert dreams("chat", input="").stdout.startswith("You talk with extractive;")
    client.post("/v1/models/scripted/activate").raise_for_status()
    assert dreams("chat", input="").stdout.startswith("You talk with scripted;")


def test_an_unknown_generator_is_named(client: httpx.Client, dreams: Dreams) -> None:
    done = dreams("chat", "--generator", "nothing", input="hello\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert 'model "nothing" not found' in sentence(done)


def test_a_terminal_is_asked_and_interrupted_without_a_fuss(client: httpx.Client) -> None:
    shown = ""
    person, terminal = pty.openpty()
    command = [sys.executable, str(ROOT / "dreams.py"), "chat", "--generator", "extractive"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
        preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0),
    ) as process:  # fmt: skip
        os.close(terminal)

        def shows(text: str) -> bool:
            nonlocal shown
            with suppress(OSError):
                shown += os.read(person, 4096).decode()
            return text in shown

        assert eventually(lambda: shows("> "))
        os.write(person, b"where does the spare key hang?\n")
        assert eventually(lambda: shows("] "))
        os.write(person, b"\x03")
        assert eventually(lambda: shows("Nothing of this conversation was stored."))
        assert process.wait(30) == 0
    os.close(person)
    assert "Traceback" not in shown
