"""Reads the real lives of the evaluation data, each moved by whole weeks so that it ends now."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.retrieval.sets import locomo
from ingest.sources import git, jsonl
from ingest.sources.reading.source import Record
from memories.records import Document


@dataclass(frozen=True, slots=True)
class Life:
    """What somebody stored over a time, in the order of time."""

    name: str
    documents: Sequence[Document]


def read(data: Path) -> Mapping[str, Callable[[], Life]]:
    """The lives by name, each read when asked for. Reading raises FileNotFoundError where its data is absent."""
    talks = ("emi-elise", "kevin-elise", "kevin-paola", "emi-paola", "nicolas-nebraas")
    return {
        "httpx": lambda: ending_now("httpx", commits(data / "lives")),
        "pepys": lambda: ending_now("pepys", jsonl.read(data / "lives" / "pepys.jsonl.gz")),
        **{name: _talk(data / "retrieval" / "realtalk_dev5.json", name, number) for number, name in enumerate(talks)},
    }


def _talk(file: Path, name: str, number: int) -> Callable[[], Life]:
    return lambda: ending_now(name, list(locomo(file))[number].documents)


def commits(folder: Path) -> Iterator[Record]:
    """The history of a repository that the data's own script makes of the recorded commits."""
    script = folder / "make_repository.py"
    script.stat()
    with tempfile.TemporaryDirectory() as scratch:
        repository = Path(scratch) / "httpx"
        subprocess.run([sys.executable, script, repository], check=True)
        yield from git.read(repository)


def ending_now(name: str, records: Iterator[Record] | Sequence[Record]) -> Life:
    """Moves dates by whole weeks, so that the last lies in the past seven days and a Sunday stays a Sunday."""
    dated = [record for record in records if isinstance(record, Document) and record.created_at]
    dated.sort(key=lambda document: (document.created_at, document.native_id))
    last = dated[-1].created_at
    assert last is not None
    weeks = timedelta(weeks=(datetime.now(UTC) - last) // timedelta(weeks=1))
    return Life(
        name, [replace(document, created_at=document.created_at + weeks) for document in dated if document.created_at]
    )
