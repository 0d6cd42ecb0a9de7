import json
import os
import subprocess
import unicodedata
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.sources import markdown, read, size_bytes
from memories.errors import SourceError
from memories.records import Document, LeftOut, Rejected, Remark

CHANGED_AT = datetime(2025, 6, 1, tzinfo=UTC)


def vault(folder: Path, notes: dict[str, str | bytes]) -> Path:
    root = folder / "Brain"
    for name, text in notes.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        os.utime(path, (CHANGED_AT.timestamp(), CHANGED_AT.timestamp()))
    return root


def one(folder: Path, text: str, name: str = "n.md") -> Document:
    (record,) = markdown.read(vault(folder, {name: text}))
    assert isinstance(record, Document)
    return record


def test_front_matter_becomes_dates_tags_and_metadata(tmp_path: Path) -> None:
    text = (
        "---\ntitle: Plan\ntags: [work, '#goal']\naliases:\n  - P\ncreated: 2024-01-02\n"
        "updated: 2024-02-03T04:05:06+01:00\n"
        "rating: 5\ndue: 2024-12-24\nratio: .inf\n---\nBody #idea\n"
    )
    note = one(tmp_path, text, "projects/n.md")
    assert (note.native_id, note.context, note.content) == ("Brain/projects/n.md", "Brain/projects", "Body #idea\n")
    assert note.tags == ("work", "goal", "idea")
    assert note.created_at == datetime(2024, 1, 2, tzinfo=UTC)
    assert note.updated_at == datetime(2024, 2, 3, 3, 5, 6, tzinfo=UTC)
    assert note.metadata == {
        "channel": "markdown",
        "title": "n",
        "title_": "Plan",
        "aliases": ["P", "Plan"],
        "rating": 5,
        "due": "2024-12-24",
        "ratio": "inf",
    }


def test_tags_may_be_one_text(tmp_path: Path) -> None:
    assert one(tmp_path, "---\ntags: a, b c\n---\nx").tags == ("a", "b", "c")


def test_inline_tags_in_any_script_but_not_in_code_headings_or_links(tmp_path: Path) -> None:
    text = (
        "# Heading\n## Second\n#work/now, #हिन्दी #标签 #café! #42 http://x/#no a#no\n```py\n#no [[no]]\n~~~\n```\n"
        "`#no` see [[Note A|alias]], ![[B#part]] and [[Note A]]\n~~~~\n#no\n~~~~\n#after"
    )
    note = one(tmp_path, text)
    assert note.tags == ("work/now", "हिन्दी", "标签", "café", "after")
    assert note.metadata["links"] == ["Note A", "B"]


@pytest.mark.parametrize(
    ("name", "text", "created_at", "updated_at"),
    [
        ("2026-09-07.md", "x", datetime(2026, 9, 7, tzinfo=UTC), None),
        ("2020-09-07 walk.md", "x", datetime(2020, 9, 7, tzinfo=UTC), CHANGED_AT),
        ("2020-09-07.md", "---\ndate: 2019-01-01\n---\nx", datetime(2019, 1, 1, tzinfo=UTC), CHANGED_AT),
        ("n.md", "---\ncreated: soon\n---\nx", CHANGED_AT, None),
        ("2020-13-77.md", "x", CHANGED_AT, None),
    ],
)
def test_where_the_date_comes_from(
    tmp_path: Path, name: str, text: str, created_at: datetime, updated_at: datetime | None
) -> None:
    note = one(tmp_path, text, name)
    assert (note.created_at, note.updated_at) == (created_at, updated_at)


@pytest.mark.parametrize(
    "front_matter",
    [
        "a: [",
        "a: 1\na: 2",
        "- " * 100_000 + "a",
        "[" * 100_000,
        "t: !!timestamp x",
        "b: !!bool x",
        "p: !!python/object/apply:os.system ['true']",
        "- list",
        "a: &a [x]\nb: *a",
        "a: " + "[" * 150 + "]" * 150,
    ],
)
def test_broken_front_matter_stays_in_the_text(tmp_path: Path, front_matter: str) -> None:
    text = f"---\n{front_matter}\n---\nBody"
    note = one(tmp_path, text)
    assert note.content == text
    assert note.metadata["front_matter_error"]


def test_what_is_no_note_is_left_out_and_what_cannot_be_read_is_reported(tmp_path: Path) -> None:
    root = vault(
        tmp_path,
        {
            ".obsidian/x.md": "no",
            ".trash/x.md": "no",
            ".hidden.md": "no",
            "image.png": b"\x89",
            "latin.md": b"caf\xe9",
            "empty.md": " \n",
            "kept.MD": "yes",
        },
    )
    (root / "loop").symlink_to(root, target_is_directory=True)
    (root / "self.md").symlink_to(root / "self.md")
    (tmp_path / "outside").mkdir()
    (root / "away").symlink_to(tmp_path / "outside", target_is_directory=True)
    os.mkfifo(root / "pipe.md")
    records = list(markdown.read(root))
    assert [each.content for each in records if isinstance(each, Document)] == ["yes"]
    rejected = {Path(each.where).name: each.reason for each in records if isinstance(each, Rejected)}
    assert rejected.keys() == {"latin.md", "empty.md", "away", "pipe.md"}
    assert "byte 3 " in rejected["latin.md"]


def test_identity_depends_on_the_vault_and_not_on_where_it_lies(tmp_path: Path) -> None:
    here, there = vault(tmp_path / "a", {"n.md": "x"}), vault(tmp_path / "b", {"n.md": "x"})
    assert [each.id for each in markdown.read(here) if isinstance(each, Document)] == [
        each.id for each in markdown.read(there) if isinstance(each, Document)
    ]
    other = there.rename(there.parent / "Other")
    (note,) = markdown.read(other)
    assert isinstance(note, Document) and note.native_id == "Other/n.md"


def test_a_part_of_an_obsidian_vault_has_the_names_of_the_whole(tmp_path: Path) -> None:
    root = vault(tmp_path, {"deep/er/n.md": "x", ".obsidian/app.json": "{}"})
    for path in (root, root / "deep", root / "deep" / "er" / "n.md"):
        (note,) = markdown.read(path)
        assert isinstance(note, Document) and note.native_id == "Brain/deep/er/n.md"


def test_names_in_either_unicode_form_are_one_name(tmp_path: Path) -> None:
    note = one(tmp_path, "x", unicodedata.normalize("NFD", "Übung.md"))
    assert note.native_id == unicodedata.normalize("NFC", "Brain/Übung.md")


def test_nul_is_replaced_and_counted(tmp_path: Path) -> None:
    note = one(tmp_path, "a\0b")
    assert (note.content, note.metadata["replaced_nul"]) == ("a␀b", 1)


def test_progress_adds_up(tmp_path: Path) -> None:
    root = vault(tmp_path, {"a.md": "one", "b/c.md": "three", "d.txt": "no"})
    counted: list[int] = []
    list(markdown.read(root, on_bytes=counted.append))
    assert sum(counted) == size_bytes("markdown", root) == 8


def test_unsuitable_paths_are_refused_at_once(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("x")
    for path in (tmp_path / "none", text):
        with pytest.raises(SourceError, match=path.name):
            markdown.read(path)


def left_out(root: Path, **options: Sequence[str]) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for each in markdown.read(root, **options):
        if isinstance(each, LeftOut):
            counted[each.kind] += each.count
    return dict(counted)


def names(root: Path, **options: Sequence[str]) -> list[str]:
    return [each.native_id for each in markdown.read(root, **options) if isinstance(each, Document)]


def test_names_are_read_as_they_are_written(tmp_path: Path) -> None:
    tags = one(tmp_path, "---\ntags: [yes, on, NO, 0700, 1_000, 12:30, true, 1.10, ~]\n---\nx #project/alpha").tags
    assert tags == ("yes", "on", "NO", "0700", "1_000", "12:30", "true", "1.10", "project/alpha")
    assert one(tmp_path, "---\ntags: on\n---\nx").tags == ("on",)
    assert one(tmp_path, "---\nTags: 2026\n---\nx").tags == ("2026",)
    note = one(tmp_path, "---\naliases: JFK, 007\nzip: 0700\nwhen: 2024-13-45\non: yes\ndone: true\n---\nx")
    assert note.metadata["aliases"] == ["JFK", "007"]
    assert [note.metadata[key] for key in ("zip", "when", "on", "done")] == ["0700", "2024-13-45", "yes", True]


def test_a_note_of_properties_alone_says_them(tmp_path: Path) -> None:
    book = one(tmp_path, "---\ntitle: Dune\nauthor: [Frank Herbert]\nrating: 5\nread: true\nisbn:\n---\n", "Dune.md")
    assert book.content == "title: Dune\nauthor: Frank Herbert\nrating: 5\nread: true"
    assert book.metadata["rating"] == 5
    (empty,) = markdown.read(vault(tmp_path / "b", {"n.md": "---\ntags:\n---\n"}))
    assert isinstance(empty, Rejected) and "empty" in empty.reason


EXCALIDRAW = """---
excalidraw-plugin: parsed
tags: [excalidraw]
---
==⚠  Switch to EXCALIDRAW VIEW in the MORE OPTIONS menu of this document. ⚠==

On the back: see [[Garden]].

# Excalidraw Data

## Text Elements
Beds along the wall ^aB3dE5fG

Compost
behind the shed ^h1j2K3l4

## Embedded Files
5d1f: [[plan.png]]

%%
## Drawing
```compressed-json
N4KAkARALgngDgUwgLgAQQQDwMYEMA2AlgCYBOuA7hADTgQBuCpAzoQPYB2KqATLZMzYBXUtiRoIACyhQ4zZAHoFA
```
%%
"""


def test_of_drawings_the_words_are_read(tmp_path: Path) -> None:
    canvas = {
        "nodes": [
            {"id": "1", "type": "text", "text": "Sow in March"},
            {"id": "2", "type": "file", "file": "Seeds.md"},
            {"id": "3", "type": "group", "label": "Spring"},
        ],
        "edges": [{"id": "4", "label": "then"}],
    }
    root = vault(
        tmp_path,
        {
            "a.excalidraw.md": EXCALIDRAW,
            "b.canvas": json.dumps(canvas),
            "c.canvas": "",
            "d.canvas": "{no",
            "e.excalidraw": json.dumps({"elements": [{"type": "text", "text": "x"}, {"text": "y", "isDeleted": True}]}),
        },
    )
    records = list(markdown.read(root))
    drawing, board, plain = (each for each in records if isinstance(each, Document))
    assert drawing.content == "On the back: see [[Garden]].\n\n\n\nBeds along the wall\n\nCompost\nbehind the shed"
    assert (drawing.metadata["title"], drawing.metadata["links"]) == ("a", ["Garden"])
    assert (board.content, board.metadata["links"]) == ("Sow in March\n\nSpring\n\nthen", ["Seeds.md"])
    assert plain.content == "x"
    assert [each for each in records if isinstance(each, LeftOut)] == [LeftOut("drawings without text")]
    (rejected,) = (each for each in records if isinstance(each, Rejected))
    assert Path(rejected.where).name == "d.canvas" and "not a drawing" in rejected.reason


def test_templates_excluded_notes_and_other_files_are_left_out_and_counted(tmp_path: Path) -> None:
    root = vault(
        tmp_path,
        {
            ".obsidian/templates.json": '{"folder": "Templates/"}',
            ".obsidian/plugins/templater-obsidian/data.json": '{"templates_folder": "meta/tp"}',
            ".obsidian/daily-notes.json": '{"template": "Day"}',
            "Templates/day.md": "{{date}}",
            "meta/tp/deep/x.md": "<% tp.date.now() %>",
            "Day.md": "{{date}}",
            "meta/kept.md": "kept",
            "Archive/old.md": "old",
            "draft one.md": "draft",
            "photo.png": "x",
        },
    )
    assert names(root) == ["Brain/draft one.md", "Brain/Archive/old.md", "Brain/meta/kept.md"]
    assert left_out(root) == {"templates": 3, "files that are not notes": 1}
    assert names(root, exclude=["Archive/", "draft*"]) == ["Brain/meta/kept.md"]
    assert left_out(root, exclude=["Archive/", "draft*"])["excluded notes"] == 2
    for broken in (b"[", b"{" * 100_000, b"\xff", b'{"folder": 7}'):
        (root / ".obsidian/templates.json").write_bytes(broken)
        assert "Brain/Templates/day.md" in names(root)
    with pytest.raises(SourceError, match="exclude"):
        markdown.read(root, exclude=["!"])
    with pytest.raises(SourceError, match="exclude"):
        read("git", root, exclude=["x"])


def test_what_is_doubtful_about_a_date_is_asked_and_the_date_is_kept(tmp_path: Path) -> None:
    (early, question), (late, other), (known, third) = (
        list(markdown.read(vault(tmp_path / str(number), {"n.md": f"---\ncreated: {date}\n---\nx"})))
        for number, date in enumerate(("1066-10-14", "9999-12-31", "03/04/2020"))
    )
    assert isinstance(early, Document) and isinstance(late, Document) and isinstance(known, Document)
    assert (early.created_at, early.metadata["created"]) == (CHANGED_AT, "1066-10-14")
    assert (late.created_at, late.metadata["created"]) == (CHANGED_AT, "9999-12-31")
    assert (known.created_at, known.metadata["created"]) == (datetime(2020, 4, 3, tzinfo=UTC), "03/04/2020")
    assert [
        each.sentence.split(" and ")[0].split(" was ")[-1] for each in (question, other) if isinstance(each, Remark)
    ] == [
        "\"created: '1066-10-14'\" is before 1900",
        "\"created: '9999-12-31'\" is in the future",
    ]
    assert isinstance(third, Remark) and "day first" in third.sentence


@pytest.mark.parametrize(("other", "month"), [("12/25/2019", 3), ("25/12/2019", 4), ("2019-12-25", 4)])
def test_the_vault_shows_the_order_of_day_and_month(tmp_path: Path, other: str, month: int) -> None:
    notes = {"a.md": "---\ncreated: 03/04/2020 6:30 PM\n---\nx", "b.md": f"---\nmodified: {other}\n---\nx"}
    root = vault(tmp_path, notes)
    found = {each.native_id: each for each in markdown.read(root) if isinstance(each, Document)}
    created_at = found["Brain/a.md"].created_at
    assert created_at and (created_at.month, created_at.hour) == (month, 18)
    assert any(isinstance(each, Remark) for each in markdown.read(root)) == (other == "2019-12-25")
    (alone,) = (each for each in markdown.read(root / "a.md") if isinstance(each, Document))
    assert alone.native_id == "Brain/a.md"


def git(root: Path, *words: str, date: str = "2020-01-01T00:00:00Z") -> None:
    who = dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "a@x")
    dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    environment = {"PATH": os.defpath, "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", **who, **dates}
    subprocess.run(["git", "-C", str(root), *words], env=environment, check=True, capture_output=True)


def test_a_vault_in_git_has_its_dates_there(tmp_path: Path) -> None:
    notes = {
        "kept.md": "kept",
        "moved.md": "moved\nthere",
        "changed.md": "old",
        "dated.md": "---\ncreated: 2019-05-05\n---\nx",
    }
    root = vault(tmp_path, {f"notes/{name}": text for name, text in notes.items()})
    trace, script = tmp_path / "ran", tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {trace}\n")
    script.chmod(0o755)
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    git(root, "mv", "notes/moved.md", "notes/ümlaut.md")
    (root / "notes/kept.md").write_text("kept\nlonger")
    git(root, "commit", "-qam", "two", date="2021-01-01T00:00:00Z")
    git(root, "commit", "-q", "--allow-empty", "-m", "three", date="2022-01-01T00:00:00Z")
    for key in ("filter.x.clean", "core.fsmonitor", "diff.external", "core.pager"):
        git(root, "config", key, str(script))
    (root / "notes/.gitattributes").write_text("* filter=x diff=x\n")
    (root / "notes/changed.md").write_text("new")
    (root / "notes/new.md").write_text("new and never committed")
    for path in root.rglob("*.md"):
        os.utime(path, (CHANGED_AT.timestamp(), CHANGED_AT.timestamp()))
    found = {
        Path(each.native_id).name: (each.created_at, each.updated_at)
        for each in markdown.read(root / "notes")
        if isinstance(each, Document)
    }
    first, second = datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)
    assert found == {
        "kept.md": (first, second),
        "ümlaut.md": (first, second),
        "changed.md": (first, CHANGED_AT),
        "new.md": (CHANGED_AT, None),
        "dated.md": (datetime(2019, 5, 5, tzinfo=UTC), first),
    }
    assert not trace.exists()


def test_a_history_that_is_cut_off_is_said(tmp_path: Path) -> None:
    root = vault(tmp_path, {"n.md": "one"})
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    git(root, "commit", "-q", "--allow-empty", "-m", "two")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{root}", "shallow")
    remark, note = markdown.read(tmp_path / "shallow")
    assert isinstance(remark, Remark) and "cut off" in remark.sentence and isinstance(note, Document)


def test_an_empty_repository_around_a_vault_dates_nothing(tmp_path: Path) -> None:
    root = vault(tmp_path, {"n.md": "one"})
    git(root, "init", "-q")
    assert [each.created_at for each in markdown.read(root) if isinstance(each, Document)] == [CHANGED_AT]
