import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingest.sources import claude
from memories.records import Document, Rejected

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
    assert question.metadata == {"channel": "claude", "conversation_id": "c", "role": "user", "files": ["p.jpg"]}
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
