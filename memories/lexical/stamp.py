"""What the lexical index on disk says of itself, and whether its files are whole. Part of the lexical index."""

import zlib
from collections.abc import Sequence
from mmap import ACCESS_READ, mmap
from pathlib import Path

from pydantic import BaseModel, ConfigDict

FILE = "stamp.json"
# In a generation that is being written; a process that died in writing leaves it there.
UNFINISHED = "unfinished"
LIST = "meta.json"
ENDINGS = ("fast", "fieldnorm", "idx", "pos", "store", "term")


class Stamp(BaseModel):
    """What an index holds: which store's words, as of when, analysed how; and what its scores rest on.

    `files` is the checksum of the index's own list of files. `row_count` counts earlier states that are still in them,
    too; `mean_length` is in terms, and `some_term` one that some memory has. `built_at` is in seconds since 1970.
    """

    model_config = ConfigDict(frozen=True)

    identity: str
    analysis: str
    generation: str
    seen: str
    files: int
    row_count: int
    mean_length: float
    some_term: str
    built_at: float
    build_seconds: float

    def is_of(self, folder: Path) -> bool:
        """Whether every file of its generation is as it was written; raises OSError or ValueError when one is gone.

        Where a process died in writing, the list of files may be a newer one: what it lists was written nonetheless.
        """
        generation = folder / self.generation
        if checksum(generation / LIST) != self.files and not (generation / UNFINISHED).exists():
            return False
        segments = _List.model_validate_json((generation / LIST).read_bytes()).segments
        return all(_is_as_written(generation / name) for segment in segments for name in segment.files)


class _Deletes(BaseModel):
    opstamp: int


class _Segment(BaseModel):
    """One part of the index, of which each kind of file is there once."""

    segment_id: str
    deletes: _Deletes | None

    @property
    def files(self) -> Sequence[str]:
        endings = [*ENDINGS, *([f"{self.deletes.opstamp}.del"] if self.deletes else [])]
        return [f"{self.segment_id.replace('-', '')}.{ending}" for ending in endings]


class _List(BaseModel):
    """What is read of tantivy's list of files."""

    segments: list[_Segment]


class _Footer(BaseModel):
    """What tantivy puts at the end of each file: JSON, its length in four bytes, and four more."""

    crc: int


def read(folder: Path) -> Stamp:
    """The stamp in a folder; raises OSError or ValueError when there is none that can be read."""
    return Stamp.model_validate_json((folder / FILE).read_bytes())


def put(folder: Path, stamp: Stamp) -> None:
    """Puts a stamp in the place of the one before, in one step."""
    unfinished = folder / f"{FILE}.{UNFINISHED}"
    unfinished.write_text(stamp.model_dump_json(indent=1))
    unfinished.replace(folder / FILE)


def stamped_at(folder: Path) -> tuple[int, int] | None:
    """Tells one stamp from the next; None when there is none."""
    try:
        status = (folder / FILE).stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def checksum(file: Path) -> int:
    return zlib.crc32(file.read_bytes())


def _is_as_written(file: Path) -> bool:
    """Whether a file has the checksum that is told at its end."""
    with file.open("rb") as opened, mmap(opened.fileno(), 0, access=ACCESS_READ) as content:
        end = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
        footer = _Footer.model_validate_json(content[max(end, 0) : -8])
        with memoryview(content) as view, view[: max(end, 0)] as written:
            return zlib.crc32(written) == footer.crc
