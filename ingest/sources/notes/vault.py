"""Finds the notes of a folder; skips hidden and excluded files, templates and links."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitwildmatch import GitWildMatchPatternError

from ingest.sources.reading.fields import as_fields, as_text
from ingest.sources.reading.stream import check_readable, display
from memories.errors import SourceError
from memories.records import LeftOut, Rejected

SUFFIXES = (".md", ".markdown", ".canvas", ".excalidraw")
SETTINGS = ".obsidian"
SETTINGS_LIMIT_BYTES = 1024 * 1024
# Settings in which Obsidian's core plugin and Templater name a template folder, and two plugins one template note.
TEMPLATE_FOLDERS = {"templates.json": "folder", "plugins/templater-obsidian/data.json": "templates_folder"}
TEMPLATE_NOTES = {"daily-notes.json": "template", "zk-prefixer.json": "template"}


class Note(NamedTuple):
    path: Path
    vault: Path


class Vault:
    """The Obsidian vault around a path, so that notes read from a part of it keep their names; else the folder."""

    def __init__(self, path: Path, exclude: Sequence[str] = ()) -> None:
        check_readable(path)
        self.start = Path(os.path.realpath(path))
        if self.start.is_file() and not _is_note(self.start.name.lstrip(".")):
            raise SourceError(f"{display(path)} is not a note: name a folder, or a file that ends in .md or .canvas")
        folder = self.start if self.start.is_dir() else self.start.parent
        self.root = next((each for each in (folder, *folder.parents) if (each / SETTINGS).is_dir()), folder)
        self.excluded = _patterns(exclude)

    @cached_property
    def templates(self) -> frozenset[str]:
        """The template folders and template notes in Obsidian's settings."""
        names = {self.setting(file, key) for file, key in (TEMPLATE_FOLDERS | TEMPLATE_NOTES).items()}
        notes = {f"{self.setting(file, key)}.md" for file, key in TEMPLATE_NOTES.items()}
        return frozenset(name.strip("/") for name in names | notes) - {"", ".md"}

    def setting(self, file: str, key: str) -> str:
        path = self.root / SETTINGS / file
        try:
            if not path.is_file() or path.stat().st_size > SETTINGS_LIMIT_BYTES:
                return ""
            return as_text(as_fields(json.loads(path.read_bytes())).get(key))
        except (OSError, ValueError, RecursionError):
            return ""

    def notes(self) -> Iterator[Note | Rejected | LeftOut]:
        """The notes in the order of their paths. Follows no links, and reports one that leads out of the vault."""
        if self.start.is_file():
            yield Note(self.start, self.root)
            return
        unreadable: list[OSError] = []
        for parent, folder_names, file_names in os.walk(self.start, onerror=unreadable.append):
            folder_names[:] = sorted(name for name in folder_names if not name.startswith("."))
            linked = [name for name in folder_names if Path(parent, name).is_symlink()]
            for name in sorted(linked + [each for each in file_names if _is_note(each)]):
                yield from self.sifted(Path(parent, name))
            others = sum(not _is_note(name) and not name.startswith(".") for name in file_names)
            if others:
                yield LeftOut("files that are not notes", others)
        for error in unreadable:
            yield Rejected(display(Path(error.filename)), f"the folder cannot be read ({error.strerror})")

    def sifted(self, path: Path) -> Iterator[Note | Rejected | LeftOut]:
        within = path.relative_to(self.root)
        if self.excluded.match_file(within):
            yield LeftOut("excluded notes")
        elif not self.templates.isdisjoint(each.as_posix() for each in (within, *within.parents)):
            yield LeftOut("templates")
        elif not path.is_symlink():
            yield Note(path, self.root)
        elif not Path(os.path.realpath(path)).is_relative_to(self.root):
            yield Rejected(display(path), "it is a link that leads out of the folder: ingest what it names by itself")


def _is_note(name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith(SUFFIXES)


def _patterns(exclude: Iterable[str]) -> GitIgnoreSpec:
    try:
        return GitIgnoreSpec.from_lines(exclude)
    except GitWildMatchPatternError as error:
        raise SourceError(f"--exclude cannot be read ({error}): write it as in .gitignore") from error
