"""Markdown notes: a folder, an Obsidian vault or one file; one memory for each note."""

import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, cast

import yaml

from ingest.sources.fields import Fields
from ingest.sources.instant import EPOCH, instant_or_none
from ingest.sources.source import OnBytes, Record, ignore
from ingest.sources.stream import LINE_LIMIT_BYTES, UTF8_MARK, check_readable, display
from ingest.sources.value import counts, merged, storable, storable_text
from memories.errors import SourceError
from memories.records import Document, Rejected

SOURCE = "markdown"
SUFFIXES = (".md", ".markdown")
VAULT_MARK = ".obsidian"
FRONT_MATTER = re.compile(r"---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
DAILY_NOTE = re.compile(r"(\d{4}-\d{2}-\d{2})(?!\d)")
CODE_FENCE = re.compile(r" {0,3}(?:>[ \t]?)*(`{3,}|~{3,})")
INLINE_CODE = re.compile(r"`+[^`\n]*`+")
# all that is neither blank nor punctuation: letters of any script with their marks, digits, emoji, _ - /
INLINE_TAG = re.compile(
    r"(?<!\S)#([^\s!-,.:-@\[-^`{-~\u00a1-\u00bf\u2010-\u2027\u2030-\u205e\u3000-\u303f\uff00-\uff20]+)"
)
WIKILINK = re.compile(r"\[\[([^\[\]|#^\n]+)")
CREATED_KEYS = ("created", "created_at", "date", "date created")
UPDATED_KEYS = ("updated", "updated_at", "modified", "last_modified", "date modified")
YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# besides YAMLError: what PyYAML's constructors let through for `2024-13-45`, `!!timestamp x`, `!!bool x` and the like
YAML_ERRORS = (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError)


class Note(NamedTuple):
    path: Path
    vault: Path


def read(path: Path, *, on_bytes: OnBytes = ignore) -> Iterator[Record]:
    """The notes in the order of their paths; hidden files and folders are left out, links are not followed."""
    check_readable(path)
    vault = vault_of(path)
    if path.is_file():
        if path.suffix.lower() not in SUFFIXES:
            raise SourceError(f"{display(path)} is no Markdown file: name a folder, or a file that ends in .md.")
        return (read_note(note, on_bytes) for note in [Note(Path(os.path.realpath(path)), vault)])
    return (read_note(each, on_bytes) if isinstance(each, Note) else each for each in notes(path, vault))


def size_bytes(path: Path) -> int | None:
    """The size of all notes together."""
    check_readable(path)
    found = notes(path, vault_of(path)) if path.is_dir() else [Note(path, path.parent)]
    return sum(each.path.lstat().st_size for each in found if isinstance(each, Note))


def vault_of(path: Path) -> Path:
    """The Obsidian vault around a path, so that a part of a vault gives the notes the same names; else the folder."""
    real = Path(os.path.realpath(path))
    folder = real if real.is_dir() else real.parent
    return next((each for each in (folder, *folder.parents) if (each / VAULT_MARK).is_dir()), folder)


def notes(folder: Path, vault: Path) -> Iterator[Note | Rejected]:
    """Links are not followed, so nothing is read twice; one that leads out of the vault is reported."""
    unreadable: list[OSError] = []
    for parent, folder_names, file_names in os.walk(os.path.realpath(folder), onerror=unreadable.append):
        folder_names[:] = sorted(name for name in folder_names if not name.startswith("."))
        linked = [name for name in folder_names if Path(parent, name).is_symlink()]
        for name in sorted(linked + [each for each in file_names if is_note(each)]):
            path = Path(parent, name)
            if not path.is_symlink():
                yield Note(path, vault)
            elif not Path(os.path.realpath(path)).is_relative_to(vault):
                yield Rejected(
                    display(path), "it is a link that leads out of the folder: ingest what it names by itself."
                )
    for error in unreadable:
        yield Rejected(str(error.filename), f"the folder cannot be read ({error.strerror}).")


def is_note(name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith(SUFFIXES)


def read_note(note: Note, on_bytes: OnBytes) -> Record:
    where = display(note.path)
    try:
        status = note.path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > LINE_LIMIT_BYTES:
            return Rejected(where, "it is no ordinary file of at most 256 MiB.")
        data = note.path.read_bytes()
    except OSError as error:
        return Rejected(where, f"it cannot be read ({error.strerror}).")
    on_bytes(len(data))
    try:
        text = data.removeprefix(UTF8_MARK).decode("utf-8")
    except UnicodeDecodeError as error:
        offset_bytes = error.start + len(data) - len(data.removeprefix(UTF8_MARK))
        return Rejected(where, f"byte {offset_bytes} is not UTF-8: save it as UTF-8.")
    if not text.strip():
        return Rejected(where, "it is empty.")
    return document(note, text, datetime.fromtimestamp(status.st_mtime, UTC) if status.st_mtime > 0 else EPOCH)


def document(note: Note, text: str, changed_at: datetime) -> Document | Rejected:
    replaced: Counter[str] = Counter()
    front_matter, body, error = split(storable_text(text, replaced))
    if not body.strip():
        return Rejected(display(note.path), "there is no text below its front matter.")
    native_id = name_in_vault(note)
    prose = without_code(body)
    created_at, taken = first_instant(front_matter, CREATED_KEYS)
    updated_at, also_taken = first_instant(front_matter, UPDATED_KEYS)
    created_at = created_at or daily_note_date(note.path) or changed_at
    metadata: dict[str, object] = {"channel": SOURCE, "title": note_title(native_id)}
    links = list(dict.fromkeys(link for each in WIKILINK.findall(prose) if (link := each.strip().rstrip("\\"))))
    found = {"links": links} if links else {}
    failed = {"front_matter_error": error} if error else {}
    further = {key: value for key, value in front_matter.items() if key not in {"tags", "tag", taken, also_taken}}
    return Document(
        source=SOURCE,
        native_id=native_id,
        content=body,
        context=native_id.rpartition("/")[0],
        tags=tags(front_matter, prose),
        metadata=merged({**metadata, **found, **failed, **counts(replaced)}, further),
        created_at=created_at,
        updated_at=updated_at or (changed_at if changed_at > created_at else None),
    )


def name_in_vault(note: Note) -> str:
    """The vault's name and the path within, in one Unicode form: file systems differ in the one that they give back."""
    name = Path(note.vault.name or "vault") / note.path.relative_to(note.vault)
    return unicodedata.normalize("NFC", os.fsencode(name.as_posix()).decode("utf-8", "backslashreplace"))


def note_title(native_id: str) -> str:
    return native_id.rpartition("/")[2].rpartition(".")[0]


def split(text: str) -> tuple[Fields, str, str | None]:
    """Front matter, text and why there is none of the first; a broken one stays in the text, so nothing is lost."""
    match = FRONT_MATTER.match(text)
    if match is None:
        return {}, text, None
    try:
        # an alias can make a few bytes stand for billions
        if "*" in match[1] and any(
            isinstance(each, yaml.AliasEvent) for each in yaml.parse(match[1], Loader=YAML_LOADER)
        ):
            raise ValueError("aliases are not read")
        value = yaml.load(match[1], Loader=YAML_LOADER)  # noqa: S506 (a safe loader either way)
        front_matter = storable({} if value is None else value, Counter())
    except YAML_ERRORS as error:
        return {}, text, " ".join(str(error).split()) or type(error).__name__
    if not isinstance(front_matter, Mapping):
        return {}, text, "it is not a list of keys and values"
    return cast(Fields, front_matter), text[match.end() :], None


def first_instant(front_matter: Fields, keys: tuple[str, ...]) -> tuple[datetime | None, str | None]:
    """The first readable date and its key; an unreadable one stays in the metadata."""
    for key in keys:
        found = instant_or_none(front_matter.get(key))
        if found is not None:
            return found, key
    return None, None


def daily_note_date(path: Path) -> datetime | None:
    match = DAILY_NOTE.match(path.stem)
    return instant_or_none(match[1]) if match else None


def tags(front_matter: Fields, prose: str) -> tuple[str, ...]:
    """The tags of the front matter, as a list or in one text, then those in the text."""
    given: list[object] = []
    for key in ("tags", "tag"):
        value = front_matter.get(key)
        given += value if isinstance(value, list) else re.split(r"[,\s]+", value) if isinstance(value, str) else []
    named = (str(each).strip().lstrip("#") for each in given if each is not None)
    inline = (each.strip("/") for each in INLINE_TAG.findall(prose) if not each.isdigit())
    return tuple(dict.fromkeys(each for each in (*named, *inline) if each))


def without_code(text: str) -> str:
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
