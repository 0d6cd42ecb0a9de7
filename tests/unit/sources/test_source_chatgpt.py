import json
import tracemalloc
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingest.sources import chatgpt, claude, size_bytes
from memories.errors import SourceError
from memories.records import Document, LeftOut, Rejected


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
    assert len(found) == 6
    for other in (path, tmp_path):
        assert found[:3] == [each for each in chatgpt.read(other) if isinstance(each, Document)]
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
    records = [each for each in chatgpt.read(path) if not isinstance(each, LeftOut)]
    assert [type(each) for each in records] == [Rejected] * len(faults) + [Document] * 3
    assert isinstance(records[1], Rejected) and records[1].where == f"{path}, conversation 2"


def test_a_file_that_breaks_off_gives_what_came_before(tmp_path: Path) -> None:
    path = written(tmp_path, TREE, TREE)
    path.write_bytes(path.read_bytes()[:-200])
    *kept, last = (each for each in chatgpt.read(path) if not isinstance(each, LeftOut))
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
    single.write_text('"mapping"')
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


def test_markers_become_links_and_names(tmp_path: Path) -> None:
    def marker(*words: str) -> str:
        return "\ue200" + "\ue202".join(words) + "\ue201"

    page = {"title": "Roses [all]", "url": "https://a.test"}
    references = [
        {
            "matched_text": marker("cite", "turn0search0"),
            "type": "grouped_webpages",
            "items": [page],
            "alt": "([Roses](https://a.test))",
        },
        {"matched_text": marker("cite", "turn0search1"), "items": [page, {"url": "https://b.test"}, page, 7]},
        {"matched_text": marker("filecite", "turn0file0"), "type": "file", "name": "soil.pdf"},
        {"matched_text": marker("navlist", "x"), "type": "hidden", "alt": None},
        {"matched_text": " ", "type": "sources_footnote", "alt": ""},
        "stray",
    ]
    cities = marker('entity["city","Oslo","capital of Norway"]') + marker("entity[")
    text = (
        f"Prune{marker('cite', 'turn0search0')} in March {marker('cite', 'turn0search1')}, see {marker('filecite', 'turn0file0')}."
        f"{marker('navlist', 'x')}{marker('image_group', '{}')} In {cities}\ue203 fine【1†source】 and 【2†source】"
    )
    start = text.index("【1")
    old = {"start_ix": start, "end_ix": start + 10, "metadata": {"title": "Old", "url": "https://c.test"}}
    said = message(
        "assistant", text, metadata={"content_references": references, "citations": [old, {"start_ix": "x"}]}
    )
    (found,) = documents(written(tmp_path, conversation(a=node(None, said)))).values()
    assert found.content == (
        "Prune([Roses](https://a.test)) in March ([Roses (all)](https://a.test), https://b.test), see soil.pdf."
        " In Oslo fine([Old](https://c.test)) and 【2†source】"
    )


def test_canvases_are_documents_and_files_leave_their_names(tmp_path: Path) -> None:
    create = json.dumps({"name": "Plan", "type": "document", "content": "Roses"})
    update = json.dumps({"updates": [{"pattern": ".*", "replacement": "Thyme"}, {}]})
    image = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-1"}
    audio = {"content_type": "audio_asset_pointer", "asset_pointer": "sediment://file-2"}
    spoken = {"content_type": "audio_transcription", "text": "aloud"}
    attached = {"attachments": [{"id": "file-1", "name": "rose.jpg"}, {"id": "file-3", "name": "soil.pdf"}, 7]}
    path = written(
        tmp_path,
        conversation(
            made=node(None, message("assistant", create, kind="code", recipient="canmore.create_textdoc")),
            changed=node(None, message("assistant", update, kind="code", recipient="canmore.update_textdoc")),
            broken=node(None, message("assistant", "{no", kind="code", recipient="canmore.update_textdoc")),
            files=node(None, message("user", image, "", kind="multimodal_text", metadata=attached)),
            both=node(None, message("user", "look", metadata=attached)),
            nameless=node(None, message("user", image, kind="multimodal_text")),
            recorded=node(None, message("user", audio, kind="multimodal_text")),
            heard=node(None, message("user", audio, spoken, kind="multimodal_text")),
            call=node(None, message("assistant", "search()", recipient="browser")),
            result=node(None, message("tool", "noise")),
            thought=node(None, message("assistant", "hm", kind="thoughts")),
            odd=node(None, message("assistant", "hm", kind="hologram")),
        ),
    )
    found = documents(path)
    assert {key.removeprefix("c1/"): each.content for key, each in found.items()} == {
        "made": "Plan\n\nRoses",
        "changed": "Thyme",
        "broken": "{no",
        "files": "[picture: rose.jpg]\n[file: soil.pdf]",
        "both": "look",
        "nameless": "[picture: file-1]",
        "recorded": "[recording: file-2]",
        "heard": "aloud",
    }
    assert found["c1/files"].metadata["files"] == found["c1/both"].metadata["files"] == ["rose.jpg", "soil.pdf"]
    kinds = sorted(each.kind for each in chatgpt.read(path) if isinstance(each, LeftOut))
    assert kinds == ["messages of unknown kinds", "thoughts", "tool calls", "tool results"]


def test_one_conversation_by_itself_and_exports_deeper_down(tmp_path: Path) -> None:
    expected = list(documents(written(tmp_path, TREE)).values())
    (tmp_path / "conversations.json").unlink()
    alone = tmp_path / "alone" / "talk.json"
    alone.parent.mkdir()
    alone.write_text("\ufeff " + json.dumps(TREE))
    deep = tmp_path / "deep" / "export" / "inner"
    deep.mkdir(parents=True)
    (deep / "conversations-000.json").write_text(json.dumps([TREE]))
    (deep / "user.json").write_text("{}")
    with zipfile.ZipFile(tmp_path / "deep" / "foreign.zip", "w") as zipped:
        zipped.writestr("photo.jpg", "x")
    for path in (alone, tmp_path / "deep"):
        assert list(documents(path).values()) == expected
    assert LeftOut("user.json") in list(chatgpt.read(tmp_path / "deep"))


def bomb(path: Path, method: int, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", method) as zipped:
        for name, data in entries.items():
            zipped.writestr(name, data)
    return path


def test_zip_bombs_are_refused_in_a_sentence_and_little_memory(tmp_path: Path) -> None:
    blanks = b"[" + b" " * 20_000_000 + b"]"
    inner = bomb(tmp_path / "inner.zip", zipfile.ZIP_DEFLATED, {"conversations.json": blanks}).read_bytes()
    many = {f"conversations-{number}.json": blanks for number in range(6)}
    lying = bomb(tmp_path / "lying.zip", zipfile.ZIP_BZIP2, {"conversations.json": b" " * 50_000_000})
    data = bytearray(lying.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (1000).to_bytes(4, "little")
    lying.write_bytes(bytes(data))
    crowded = tmp_path / "crowded.zip"
    crowded.write_bytes(
        b"PK\x03\x04" + b"\0" * 20_000_000 + b"PK\x05\x06" + b"\0" * 8 + (18_000_000).to_bytes(4, "little") + b"\0" * 6
    )
    bombs = [
        bomb(tmp_path / "nested.zip", zipfile.ZIP_STORED, {"conversations.zip": inner}),
        bomb(tmp_path / "many.zip", zipfile.ZIP_DEFLATED, many),
        bomb(tmp_path / "unusual.zip", zipfile.ZIP_LZMA, {"conversations.json": b"[]"}),
        lying,
        crowded,
    ]
    tracemalloc.start()
    for path in bombs:
        with pytest.raises(SourceError, match=path.name):
            chatgpt.read(path)
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()


def test_a_conversation_of_too_many_values_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    path.write_bytes(b"[" + json.dumps(TREE).encode() + b", {" + b'"x":[' + b"0," * 2_000_001 + b"0]}]")
    *_, last = chatgpt.read(path)
    assert isinstance(last, Rejected) and "2000000 values" in last.reason
