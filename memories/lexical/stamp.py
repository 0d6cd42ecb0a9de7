"""Records what the lexical index on disk holds, and checks that its files are intact."""

import zlib
from collections.abc import Sequence
from mmap import ACCESS_READ, mmap
from pathlib import Path

from pydantic import BaseModel, ConfigDict

FILE = "stamp.json"
# Marks a generation that is being written; a process that dies while writing leaves it behind.
UNFINISHED = "unfinished"
LIST = "meta.json"
ENDINGS = ("fast", "fieldnorm", "idx", "pos", "store", "term")


class Stamp(BaseModel):
    """What an index holds (which store's words, up to which snapshot, analysed how), and the statistics of its scores.

    `files` is the checksum of tantivy's list of files. `row_count` includes earlier states still in the files;
    `mean_length` is in terms, and `some_term` is a term of some memory. `built_at` is in seconds since 1970.
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
        """Whether every file of its generation is intact. Raises OSError or ValueError when one is missing.

        If a process died while writing, the list of files may be newer than the stamp; what it lists is still complete.
        """
        generation = folder / self.generation
        if checksum(generation / LIST) != self.files and not (generation / UNFINISHED).exists():
            return False
        segments = _List.model_validate_json((generation / LIST).read_bytes()).segments
        return all(_is_as_written(generation / name) for segment in segments for name in segment.files)


class _Deletes(BaseModel):
    opstamp: int


class _Segment(BaseModel):
    """A segment of the index, with one file of each kind."""

    segment_id: str
    deletes: _Deletes | None

    @property
    def files(self) -> Sequence[str]:
        endings = [*ENDINGS, *([f"{self.deletes.opstamp}.del"] if self.deletes else [])]
        return [f"{self.segment_id.replace('-', '')}.{ending}" for ending in endings]


class _List(BaseModel):
    """The part of tantivy's list of files that is read."""

    segments: list[_Segment]


class _Footer(BaseModel):
    """The footer of each tantivy file: JSON, its length in four bytes, and four more bytes."""

    crc: int


def read(folder: Path) -> Stamp:
    """Reads the stamp in a folder. Raises OSError or ValueError when there is none that can be read."""
    return Stamp.model_validate_json((folder / FILE).read_bytes())


def put(folder: Path, stamp: Stamp) -> None:
    """Replaces the stamp in a folder atomically."""
    unfinished = folder / f"{FILE}.{UNFINISHED}"
    unfinished.write_text(stamp.model_dump_json(indent=1))
    unfinished.replace(folder / FILE)


def stamped_at(folder: Path) -> tuple[int, int] | None:
    """The inode and modification time (ns) of the stamp, which tell it from the next; None when there is none."""
    try:
        status = (folder / FILE).stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def checksum(file: Path) -> int:
    return zlib.crc32(file.read_bytes())


def _is_as_written(file: Path) -> bool:
    """Whether a file matches the checksum in its footer."""
    with file.open("rb") as opened, mmap(opened.fileno(), 0, access=ACCESS_READ) as content:
        end = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
        footer = _Footer.model_validate_json(content[max(end, 0) : -8])
        with memoryview(content) as view, view[: max(end, 0)] as written:
            return zlib.crc32(written) == footer.crc
