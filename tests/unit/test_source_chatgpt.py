import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingest.sources import chatgpt, claude, size_bytes
from memories.errors import SourceError
from memories.records import Document, Rejected


def message(role: str, *parts: object, kind: str = "text", **more: Any) -> dict[str, Any]:
    content = (
        {"content_type": kind, "text": parts[0]} if kind == "code" else {"content_type": kind, "parts": list(parts)}
    )
    return {"author": {"role": role}, "content": content, "recipient": "all", "metadata": {}, **more}


def node(parent: str | None, said: dict[str, Any] | None) -> dict[str, Any]:
    return {"message": said, "parent": parent, "children": []}


def conversation(**mapping: dict[str, Any]) -> dict[str, Any]:
    return {
        "conversation_id": "c1",
        "title": "Trip",
        "create_time": 1_700_000_000.0,
        "current_node": next(reversed(mapping), None),
        "mapping": mapping,
    }


def written(folder: Path, *conversations: object) -> Path:
    path = folder / "conversations.json"
    path.write_text(json.dumps(list(conversations)))
    return path


def documents(path: Path) -> dict[str, Document]:
    return {each.native_id: each for each in chatgpt.read(path) if isinstance(each, Document)}


TREE = conversation(
    root=node(None, None),
    system=node("root", message("system", "be kind")),
    q=node("system", message("user", "Where to?", create_time=1_700_000_001.5)),
    old=node("q", message("assistant", "Rome", metadata={"model_slug": "gpt-4"})),
    tool=node("q", message("assistant", "search('x')", kind="code", recipient="browser")),
    result=node("tool", message("tool", "noise")),
    new=node("result", message("assistant", "Oslo", metadata={"model_slug": "gpt-5"})),
)


def test_every_branch_is_read_and_noise_is_not(tmp_path: Path) -> None:
    found = documents(written(tmp_path, TREE))
    assert {key: each.content for key, each in found.items()} == {
        "c1/q": "Where to?",
        "c1/old": "Rome",
        "c1/new": "Oslo",
    }
    assert {key: each.metadata["on_current_path"] for key, each in found.items()} == {
        "c1/q": True,
        "c1/old": False,
        "c1/new": True,
    }
    assert found["c1/new"].metadata == {
        "channel": "chatgpt",
        "conversation_id": "c1",
        "role": "assistant",
        "model": "gpt-5",
        "recipient": "all",
        "content_type": "text",
        "parent_message_id": "q",
        "on_current_path": True,
    }
    assert "parent_message_id" not in found["c1/q"].metadata
    assert found["c1/q"].context == "Trip"
    assert found["c1/q"].created_at == datetime.fromtimestamp(1_700_000_001.5, UTC)
    assert found["c1/old"].created_at == datetime.fromtimestamp(1_700_000_000, UTC)


def test_which_contents_are_text(tmp_path: Path) -> None:
    image = {"content_type": "image_asset_pointer", "asset_pointer": "file://x"}
    spoken = {"content_type": "audio_transcription", "text": "said aloud"}
    hidden = {"is_visually_hidden_from_conversation": True}
    found = documents(
        written(
            tmp_path,
            conversation(
                both=node(None, message("user", image, "look", spoken, kind="multimodal_text")),
                code=node(None, message("assistant", "print(1)", kind="code", recipient="python")),
                profile=node(None, message("user", "about me", kind="user_editable_context")),
                thoughts=node(None, message("assistant", "hm", kind="thoughts")),
                hidden=node(None, message("user", "psst", metadata=hidden)),
                blank=node(None, message("user", "", " ")),
                nul=node(None, message("user", "a\0b\ud800")),
            ),
        )
    )
    assert {key: each.content for key, each in found.items()} == {
        "c1/both": "look\nsaid aloud",
        "c1/code": "print(1)",
        "c1/nul": "a␀b\ufffd",
    }
    assert found["c1/nul"].metadata["replaced_surrogates"] == 1


def test_zip_folder_and_file_give_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, TREE)
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.write(path, "export/conversations-000.json")
        zipped.writestr("export/conversations-001.json", json.dumps([{**TREE, "conversation_id": "c2"}]))
        zipped.writestr("chat.html", "noise")
        zipped.writestr("__MACOSX/._conversations.json", "noise")
    counted: list[int] = []
    found = [each for each in chatgpt.read(archive, on_bytes=counted.append) if isinstance(each, Document)]
    assert len(found) == 6 and found[:3] == list(chatgpt.read(path)) == list(chatgpt.read(tmp_path))
    assert sum(counted) == size_bytes("chatgpt", archive)


def test_a_faulty_conversation_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    good = json.dumps(TREE).encode()
    faults = [
        b"7",
        b'{"title": "no mapping"}',
        b'{"mapping": {}, }',
        b'{"x": "\xff"}',
        b"[" * 5000 + b"]" * 5000,
        b'{"n": ' + b"1" * 5000 + b"}",
    ]
    path.write_bytes(b"\xef\xbb\xbf [" + b",".join([*faults, good]) + b"]")
    records = list(chatgpt.read(path))
    assert [type(each) for each in records] == [Rejected] * len(faults) + [Document] * 3
    assert isinstance(records[1], Rejected) and records[1].where == f"{path}, conversation 2"


def test_a_file_that_breaks_off_gives_what_came_before(tmp_path: Path) -> None:
    path = written(tmp_path, TREE, TREE)
    path.write_bytes(path.read_bytes()[:-200])
    *kept, last = chatgpt.read(path)
    assert len(kept) == 3
    assert isinstance(last, Rejected) and last.where.endswith("after conversation 1")


def test_circles_in_the_tree_end(tmp_path: Path) -> None:
    path = written(tmp_path, conversation(a=node("b", message("user", "A")), b=node("a", message("user", "B"))))
    assert {each.metadata["parent_message_id"] for each in documents(path).values()} == {"a", "b"}


def test_an_empty_export_is_no_error(tmp_path: Path) -> None:
    assert list(chatgpt.read(written(tmp_path))) == []


def test_unsuitable_files_are_refused_at_once(tmp_path: Path) -> None:
    def archive(name: str, member: str, data: bytes) -> Path:
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as zipped:
            zipped.writestr(member, data)
        return tmp_path / name

    encrypted = archive("encrypted.zip", "conversations.json", b"[]")
    data = bytearray(encrypted.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    encrypted.write_bytes(bytes(data))
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04 nothing more")
    single = tmp_path / "single.json"
    single.write_text('{"mapping": {}}')
    other = tmp_path / "other.json"
    other.write_text('[{"uuid": "u", "chat_messages": []}]')
    bomb = archive("bomb.zip", "conversations.json", b"[" + b" " * 101 * 1024 * 1024 + b"]")
    for path in (tmp_path / "none.zip", encrypted, broken, single, archive("html.zip", "chat.html", b""), bomb):
        with pytest.raises(SourceError, match=path.name):
            chatgpt.read(path)
    with pytest.raises(SourceError, match="try the source claude"):
        chatgpt.read(other)
    with pytest.raises(SourceError, match="try the source chatgpt"):
        claude.read(written(tmp_path, TREE))
