import os
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.sources import markdown, size_bytes
from memories.errors import SourceError
from memories.records import Document, Rejected

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
        "aliases": ["P"],
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
        "when: 2024-13-45",
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
