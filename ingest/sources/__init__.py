"""The sources of memories, by name. Their readers yield records lazily and know nothing of the database."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from ingest.sources import chatgpt, claude, git, jsonl, markdown, sample
from ingest.sources.reading.source import (
    OnBytes,
    Record,
    Source,
    ignore,
)
from memories.errors import SourceError

__all__ = ["SOURCES", "OnBytes", "Record", "Source", "ignore", "read", "size_bytes"]

SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "jsonl": Source("JSON lines: a file, a folder, or - for standard input", jsonl.read, jsonl.size_bytes),
        "markdown": Source("Markdown notes: an Obsidian vault, a folder or a file", markdown.read, markdown.size_bytes),
        "chatgpt": Source("a ChatGPT export: its zip, folder or one conversation", chatgpt.read, chatgpt.size_bytes),
        "claude": Source("a Claude export: its zip, folder or one conversation", claude.read, claude.size_bytes),
        "git": Source("a git history: one memory for each commit", git.read, git.size_bytes),
        "sample": Source("the sample of Codex Dreams, its dates moved to this week", sample.read, jsonl.size_bytes),
    }
)


def source_named(name: str) -> Source:
    """The source of that name. Raises SourceError, which lists the known names, when there is none."""
    if name not in SOURCES:
        raise SourceError(f"there is no source {name!r}: use one of {', '.join(SOURCES)}")
    return SOURCES[name]


def read(
    source_name: str,
    path: Path,
    *,
    until: datetime | None = None,
    exclude: Sequence[str] = (),
    on_bytes: OnBytes = ignore,
) -> Iterator[Record]:
    """Reads a source's records lazily. Raises SourceError at once when the path is missing or unsuitable.

    `until` is the instant that the sample's dates lead up to; other sources keep their dates. `exclude` has the notes
    to leave out, as .gitignore patterns; with a source that has no notes it raises SourceError, too.
    """
    if source_name == markdown.SOURCE:
        return markdown.read(path, exclude=exclude, on_bytes=on_bytes)
    if exclude:
        raise SourceError(f"--exclude leaves out notes, and {source_name} has none: omit the option")
    if source_name == sample.SOURCE:
        return sample.read(path, until=until, on_bytes=on_bytes)
    return source_named(source_name).read(path, on_bytes=on_bytes)


def size_bytes(source_name: str, path: Path) -> int | None:
    """About how many bytes `on_bytes` will count in all; None when it cannot be known."""
    return source_named(source_name).size_bytes(path)
