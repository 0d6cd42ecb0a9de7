import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingest.sources import claude
from memories.records import Document, LeftOut, Rejected

ROOT = "00000000-0000-4000-8000-000000000000"


def message(uuid: str, sender: str, parent: str = ROOT, **more: Any) -> dict[str, Any]:
    return {"uuid": uuid, "sender": sender, "parent_message_uuid": parent, "attachments": [], "files": [], **more}


def records(folder: Path, *messages: object) -> list[Document | Rejected]:
    conversation = {
        "uuid": "c",
        "name": "Garden",
        "created_at": "2024-01-01T00:00:00Z",
        "chat_messages": list(messages),
    }
    path = folder / "conversations.json"
    path.write_text(json.dumps([conversation]))
    return [each for each in claude.read(path) if isinstance(each, Document | Rejected)]


def test_messages_attachments_and_branches(tmp_path: Path) -> None:
    blocks = [
        {"type": "thinking", "thinking": "secretly"},
        {"type": "text", "text": "Roses"},
        {"type": "tool_result", "text": "noise"},
        {"type": "text", "text": "and thyme"},
    ]
    pdf = {"file_name": "soil.pdf", "extracted_content": "pH 6"}
    question, attachment, answer, other = records(
        tmp_path,
        message(
            "q",
            "human",
            text="What?",
            content=[],
            attachments=[pdf, {"file_name": "x.png"}],
            files=[{"file_name": "p.jpg"}],
        ),
        message("a", "assistant", "q", text="ignored", content=blocks, created_at="2024-01-02T00:00:00Z"),
        message("b", "assistant", "q", content=[{"type": "text", "text": "Lilies"}]),
    )
    assert isinstance(question, Document) and isinstance(attachment, Document)
    assert isinstance(answer, Document) and isinstance(other, Document)
    assert [each.native_id for each in (question, attachment, answer, other)] == [
        "c/q",
        "c/q/attachment/0",
        "c/a",
        "c/b",
    ]
    assert (question.content, attachment.content) == ("What?", "pH 6")
    assert (answer.content, other.content) == ("Roses\n\nand thyme", "Lilies")
    assert question.metadata == {
        "channel": "claude",
        "conversation_id": "c",
        "role": "user",
        "files": ["p.jpg", "x.png"],
    }
    assert attachment.metadata["attachment"] == "soil.pdf" and attachment.metadata["message_id"] == "q"
    assert answer.metadata["parent_message_id"] == other.metadata["parent_message_id"] == "q"
    assert question.created_at == datetime(2024, 1, 1, tzinfo=UTC)
    assert answer.created_at == datetime(2024, 1, 2, tzinfo=UTC)
    assert {each.context for each in (question, attachment, answer)} == {"Garden"}


def test_messages_without_text_are_left_out_and_nameless_ones_reported(tmp_path: Path) -> None:
    tools = message("t", "assistant", content=[{"type": "tool_use"}], text="block not supported")
    found = records(tmp_path, tools, message("", "human", text="who?"), 7, message("k", "human", text="kept\0"))
    assert [type(each) for each in found] == [Rejected, Rejected, Document]
    kept = found[-1]
    assert isinstance(kept, Document) and kept.content == "kept␀" and kept.metadata["replaced_nul"] == 1


def test_what_the_assistant_made_is_kept_and_what_tools_said_is_counted(tmp_path: Path) -> None:
    def tool(name: str, **given: Any) -> dict[str, Any]:
        return {"type": "tool_use", "name": name, "input": given}

    artifact = tool("artifacts", command="create", id="beds", title="Plan of the beds", content="Roses by the wall")
    blocks = [
        {"type": "thinking", "thinking": "hm"},
        {
            "type": "text",
            "text": "Here.",
            "citations": [{"details": {"url": "https://a.test"}}, {"url": "https://b.test"}, 7],
        },
        artifact,
        tool("create_file", path="/mnt/beds.md", file_text="# Beds", description="d"),
        tool("str_replace", path="/mnt/beds.md", old_str="# Beds", new_str="# Two beds"),
        tool("web_search", query="roses"),
        {"type": "tool_use", "input": 7},
        {"type": "tool_result", "content": [{"type": "text", "text": "noise"}]},
        {"type": "token_budget"},
        "stray",
    ]
    path = tmp_path / "conversations.json"
    asked = message("q", "human", content=[{"type": "voice_note", "title": "Ideas", "text": "Plant thyme"}])
    conversation = {"uuid": "c", "name": "Garden", "chat_messages": [asked, message("a", "assistant", content=blocks)]}
    path.write_text(json.dumps(conversation))  # A single conversation, without a list around it.
    found = list(claude.read(path))
    spoken, answer, *made = (each for each in found if isinstance(each, Document))
    assert spoken.content == "Ideas\nPlant thyme"
    assert (answer.content, answer.metadata["links"]) == ("Here.", ["https://a.test", "https://b.test"])
    assert [(each.native_id, each.content, each.metadata["title"]) for each in made] == [
        ("c/a/made/0", "Roses by the wall", "Plan of the beds"),
        ("c/a/made/1", "# Beds", "/mnt/beds.md"),
        ("c/a/made/2", "# Two beds", "/mnt/beds.md"),
    ]
    left_out = {each.kind: each.count for each in found if isinstance(each, LeftOut)}
    assert left_out == {"thoughts": 1, "tool calls": 2, "tool results": 1, "blocks of unknown kinds": 2}


def test_a_message_of_files_alone_leaves_their_names(tmp_path: Path) -> None:
    files = {"files": [{"file_name": "p.jpg"}], "attachments": [{"file_name": "x.pdf", "extracted_content": ""}]}
    (only,) = records(tmp_path, message("q", "human", text="", **files))
    assert isinstance(only, Document)
    assert (only.content, only.metadata["files"]) == ("[file: p.jpg]\n[file: x.pdf]", ["p.jpg", "x.pdf"])


@pytest.mark.parametrize("where", ["", "data-2026-09-07-batch-0000/"])
@pytest.mark.parametrize("zipped", [True, False])
def test_projects_and_memories_are_read_and_the_rest_is_named(tmp_path: Path, where: str, zipped: bool) -> None:
    project = {
        "uuid": "p",
        "name": "Garden",
        "description": "Beds",
        "prompt_template": "Be brief",
        "created_at": "2024-01-01",
    }
    project["docs"] = [{"uuid": "d", "filename": "soil.md", "content": "pH 6", "created_at": "2024-01-02"}, {}]
    notes = {"conversations_memory": "Likes roses", "project_memories": {"p": "Two beds"}, "account_uuid": "u"}
    said = {"uuid": "c", "chat_messages": [message("q", "human", text="Hello")]}
    files: dict[str, object] = {
        "conversations.json": [said],
        "projects/p2.json": {**project, "uuid": "p2", "docs": []},
        "projects.json": [project, {}],
        "memories.json": [notes],
        "users.json": [{}],
        "avatar.png": 0,
    }
    root = tmp_path / "export"
    for name, value in files.items():
        (root / where / name).parent.mkdir(parents=True, exist_ok=True)
        (root / where / name).write_text(json.dumps(value))
    if zipped:
        root = Path(shutil.make_archive(str(tmp_path / "inner" / "export"), "zip", root)).parent
    found = list(claude.read(root))
    assert {each.native_id: each.content for each in found if isinstance(each, Document)} == {
        "c/q": "Hello",
        "project/p": "Beds\n\nBe brief",
        "project/p/d": "pH 6",
        "project/p2": "Beds\n\nBe brief",
        "memory/u": "Likes roses",
        "memory/u/p": "Two beds",
    }
    assert sorted(each.kind for each in found if isinstance(each, LeftOut)) == [
        "other files of the export",
        "users.json",
    ]
    assert [each.reason for each in found if isinstance(each, Rejected)] == ['it has no "uuid"']
