"""Reads Markdown notes from a folder, an Obsidian vault or one file: one memory for each note."""

import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest.sources.notes.drawing import EXCALIDRAW_MARK, drawing, excalidraw_text
from ingest.sources.notes.front_matter import (
    Split,
    listed,
    readable,
    split,
)
from ingest.sources.notes.note_dates import Calendar, NoteDates
from ingest.sources.notes.vault import Note, Vault
from ingest.sources.reading.fields import Fields
from ingest.sources.reading.source import OnBytes, Record, ignore
from ingest.sources.reading.storable import counts, merged, storable_text
from ingest.sources.reading.stream import LINE_LIMIT_BYTES, UTF8_MARK, display
from memories.records import Document, LeftOut, Rejected, Remark
from memories.settings import settings

SOURCE = "markdown"
CODE_FENCE = re.compile(r" {0,3}(?:>[ \t]?)*(`{3,}|~{3,})")
INLINE_CODE = re.compile(r"`+[^`\n]*`+")
# Anything that is neither blank nor punctuation: letters of any script with their marks, digits, emoji, _ - /
INLINE_TAG = re.compile(
    r"(?<!\S)#([^\s!-,.:-@\[-^`{-~\u00a1-\u00bf\u2010-\u2027\u2030-\u205e\u3000-\u303f\uff00-\uff20]+)"
)
WIKILINK = re.compile(r"\[\[([^\[\]|#^\n]+)")
TAG_KEYS, ALIAS_KEYS = ("tags", "tag"), ("aliases", "alias")


def read(path: Path, *, exclude: Sequence[str] = (), on_bytes: OnBytes = ignore) -> Iterator[Record]:
    """Reads the notes in the order of their paths; skips hidden files and folders, and follows no links."""
    return _read_vault(Vault(path, exclude), on_bytes)


def _read_vault(vault: Vault, on_bytes: OnBytes) -> Iterator[Record]:
    zone = ZoneInfo(settings().timezone)
    calendar = Calendar(vault.root, lambda: (each.path for each in vault.notes() if isinstance(each, Note)), zone)
    if calendar.history.refusal:
        yield Remark(display(vault.root), calendar.history.refusal)
    for each in vault.notes():
        if isinstance(each, Note):
            yield from _read_note(each, calendar, on_bytes)
        else:
            yield each


def size_bytes(path: Path) -> int | None:
    """The total size of all notes."""
    return sum(each.path.lstat().st_size for each in Vault(path).notes() if isinstance(each, Note))


def _read_note(note: Note, calendar: Calendar, on_bytes: OnBytes) -> Iterator[Record]:
    try:
        data, status = _contents(note.path)
        on_bytes(len(data))
        said, links = _understood(note.path, _decoded(data))
    except ValueError as error:
        yield Rejected(display(note.path), f"{error}")
        return
    if not said.body.strip():
        yield LeftOut("drawings without text") if _is_drawing(note.path, said) else _nothing(note, said)
        return
    dates = calendar.dates(note.path, said.properties, data, status)
    yield _document(note, said, links, dates)
    yield from (Remark(display(note.path), doubt) for doubt in dates.doubts)


def _contents(path: Path) -> tuple[bytes, os.stat_result]:
    """Reads an ordinary file. Raises ValueError when it is not one, is too large, or cannot be read."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > LINE_LIMIT_BYTES:
            raise ValueError("it is not an ordinary file of at most 256 MiB")
        return path.read_bytes(), status
    except OSError as error:
        raise ValueError(f"it cannot be read ({error.strerror})") from error


def _decoded(data: bytes) -> str:
    try:
        return data.removeprefix(UTF8_MARK).decode("utf-8")
    except UnicodeDecodeError as error:
        offset_bytes = error.start + len(data) - len(data.removeprefix(UTF8_MARK))
        raise ValueError(f"byte {offset_bytes} is not UTF-8: save it as UTF-8") from error


def _understood(path: Path, text: str) -> tuple[Split, Sequence[str]]:
    """The properties, text and links of a note; in a note without text, the properties become its text."""
    if _is_drawing_file(path):
        found = drawing(text) if text.strip() else drawing("{}")
        return Split({}, found.text), found.links
    said = split(text)
    if _is_drawing(path, said):
        said = said._replace(body=excalidraw_text(said.body))
    elif not said.body.strip():
        said = said._replace(body=readable(said.properties))
    links = (link.strip().rstrip("\\") for link in WIKILINK.findall(_without_code(said.body)))
    return said, tuple(dict.fromkeys(link for link in links if link))


def _is_drawing_file(path: Path) -> bool:
    return path.suffix.lower() in (".canvas", ".excalidraw")


def _is_drawing(path: Path, said: Split) -> bool:
    return _is_drawing_file(path) or EXCALIDRAW_MARK in said.properties


def _nothing(note: Note, said: Split) -> Rejected:
    return Rejected(display(note.path), "its properties are empty" if said.properties else "it is empty")


def _document(note: Note, said: Split, links: Sequence[str], dates: NoteDates) -> Document:
    replaced: Counter[str] = Counter()
    content = storable_text(said.body, replaced)
    native_id = _name_in_vault(note)
    aliases = _other_names(said.properties)
    metadata: dict[str, object] = {"channel": SOURCE, "title": _note_title(native_id)}
    found = {
        "aliases": aliases,
        "links": [storable_text(each, replaced) for each in links],
        "front_matter_error": said.error and storable_text(said.error, replaced),
    }
    known = {key: value for key, value in found.items() if value}
    read_already = {*TAG_KEYS, *ALIAS_KEYS}
    further = {
        key: value
        for key, value in said.properties.items()
        if key not in dates.taken and key.lower() not in read_already
    }
    return Document(
        source=SOURCE,
        native_id=native_id,
        content=content,
        context=native_id.rpartition("/")[0],
        tags=_tags(said.properties, _without_code(content)),
        metadata=merged({**metadata, **known, **counts(replaced)}, further),
        created_at=dates.created_at,
        updated_at=dates.updated_at,
    )


def _name_in_vault(note: Note) -> str:
    """The vault's name and the path within it, in NFC: file systems return different Unicode forms."""
    name = Path(note.vault.name or "vault") / note.path.relative_to(note.vault)
    return unicodedata.normalize("NFC", os.fsencode(name.as_posix()).decode("utf-8", "backslashreplace"))


def _note_title(native_id: str) -> str:
    return native_id.rpartition("/")[2].rpartition(".")[0].removesuffix(".excalidraw")


def _other_names(properties: Fields) -> list[str]:
    """The aliases, and the title among the properties."""
    title = properties.get("title")
    titles = [title.strip()] if isinstance(title, str) and title.strip() else []
    return list(dict.fromkeys([*listed(properties, ALIAS_KEYS, r","), *titles]))


def _tags(properties: Fields, prose: str) -> tuple[str, ...]:
    """The tags in the properties, a list or one string, then those in the text."""
    named = (each.lstrip("#") for each in listed(properties, TAG_KEYS, r"[,\s]+"))
    inline = (each.strip("/") for each in INLINE_TAG.findall(prose) if not each.isdigit())
    return tuple(dict.fromkeys(each for each in (*named, *inline) if each))


def _without_code(text: str) -> str:
    """The text without fenced blocks and inline code, in which # and [[ mean something else."""
    kept: list[str] = []
    fence = ""
    for line in text.split("\n"):
        match = CODE_FENCE.match(line)
        if fence:
            closes = match is not None and match[1].startswith(fence) and not line[match.end() :].strip()
            fence = "" if closes else fence
        elif match:
            fence = match[1]
        else:
            kept.append(INLINE_CODE.sub(" ", line))
    return "\n".join(kept)
