"""Reads a git history: one memory for each commit that HEAD reaches, merges included."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from ingest.sources.git_people import MAILMAP_LIMIT_BYTES, CommitPerson, Mailmap, people
from ingest.sources.reading.git_program import command, started, tokens
from ingest.sources.reading.instant import instant_or_none
from ingest.sources.reading.source import OnBytes, Record, ignore
from ingest.sources.reading.storable import counts, storable_text
from ingest.sources.reading.stream import check_readable, display
from memories.apparatus import apparatus
from memories.errors import SourceError
from memories.records import Document, Rejected, Remark

SOURCE = "git"
FILES_IN_CONTEXT = 20
FILES_IN_METADATA = 50
# Every record begins with an empty token, which no file name can be.
LOG_OPTIONS = [
    *("-z", "--name-only", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-relative", "--diff-merges=off"),
    *("-O/dev/null", "--format=%x00%H%x00%at%x00%ct%x00%an%x00%ae%x00%B%x00", "HEAD", "--"),
]


def read(path: Path, *, on_bytes: OnBytes = ignore) -> Iterator[Record]:
    """Reads the commits, newest first: the whole message as content, the changed files as context."""
    check_readable(path)
    repository = _repository_name(path)
    head = command(path, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if head.returncode != 0:
        return iter([Remark(display(path), "the repository has 0 commits yet, so there is nothing to remember")])
    return _read_log(path, repository, on_bytes)


def size_bytes(path: Path) -> int | None:
    """Always None: git writes its log as it goes."""
    return None


def _repository_name(path: Path) -> str:
    """The name of the folder that holds the repository. Raises SourceError when there is no readable one."""
    if not path.is_dir():
        raise SourceError(f"{display(path)} is not a folder: name the folder of a git repository")
    answer = command(path, "rev-parse", "--path-format=absolute", "--git-common-dir")
    if answer.returncode != 0:
        reason = answer.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        allowed = f"allow it with git config --global --add safe.directory {display(path.resolve())}"
        hint = allowed if b"safe.directory" in answer.stderr else ""
        raise SourceError(f"{display(path)} is not a readable git repository ({reason}): {hint or 'name one that is'}")
    folder = Path(os.fsdecode(answer.stdout.removesuffix(b"\n")))
    return display(Path((folder.parent if folder.name == ".git" else folder).name)).removesuffix(".git")


def _mailmap(path: Path) -> Mailmap:
    """The .mailmap of HEAD, empty when it is too large; ignores one that a configuration names."""
    name = "HEAD:.mailmap"
    size = _seconds(command(path, "cat-file", "-s", name).stdout)
    if size is None or size > MAILMAP_LIMIT_BYTES:
        return Mailmap()
    return Mailmap(_decoded(command(path, "cat-file", "blob", name).stdout)[0])


def _read_log(path: Path, repository: str, on_bytes: OnBytes) -> Iterator[Record]:
    known = _mailmap(path)
    with tempfile.TemporaryFile() as complaints, started(path, complaints, "log", *LOG_OPTIONS) as process:
        found = tokens(cast(IO[bytes], process.stdout), on_bytes)
        for token in found:
            if token:
                yield _read_commit(repository, token.decode("ascii"), found, known)
        if process.wait() != 0:
            complaints.seek(0)
            reason = complaints.read().decode("utf-8", "replace").strip().partition("\n")[0]
            yield Rejected(display(path), f"git could not read the rest of the history ({reason})")


def _read_commit(repository: str, commit: str, found: Iterator[bytes], known: Mailmap) -> Document | Rejected:
    authored, committed, author, address, message, _ = (next(found, b"") for _ in range(6))
    files, file_count = _changed_files(found)
    replaced: Counter[str] = Counter()
    content, encoding = _decoded(message)
    content = storable_text(content.rstrip("\n"), replaced)
    if not content.strip():
        return Rejected(f"{repository}, commit {commit}", "it has no message")
    person = CommitPerson(*(storable_text(_decoded(each)[0], Counter()) for each in (author, address)))
    named = people(person, content, known)
    addresses = {name: each for name, each in named.items() if each}
    reverted = apparatus(content).reverted
    return Document(
        source=SOURCE,
        native_id=commit,
        content=content,
        context=_context(files, file_count),
        tags=("git",),
        metadata={
            "channel": SOURCE,
            "repository": repository,
            "commit": commit,
            "author": known.name(person),
            "people": list(named),
            **({"addresses": addresses} if addresses else {}),
            **({"reverts": reverted} if reverted else {}),
            "files": files,
            "file_count": file_count,
            **({} if encoding == "utf-8" else {"decoded_as": encoding}),
            **counts(replaced),
        },
        created_at=instant_or_none(_seconds(authored), _seconds(committed)),
    )


def _changed_files(found: Iterator[bytes]) -> tuple[list[str], int]:
    """The first names and the number of all; git puts a line break before the first."""
    files: list[str] = []
    file_count = 0
    for token in found:
        if not token:
            break
        name = token.removeprefix(b"\n") if file_count == 0 else token
        file_count += 1
        if len(files) < FILES_IN_METADATA:
            files.append(name.decode("utf-8", "backslashreplace"))
    return files, file_count


def _context(files: list[str], file_count: int) -> str:
    if not file_count:
        return ""
    listed = ", ".join(files[:FILES_IN_CONTEXT])
    more = file_count - FILES_IN_CONTEXT
    return f"{file_count} {'file' if file_count == 1 else 'files'}: {listed}{f' and {more} more' if more > 0 else ''}"


def _decoded(data: bytes) -> tuple[str, str]:
    """The text and its encoding: UTF-8, as git promises, else Latin-1, which loses no byte."""
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "latin-1"


def _seconds(data: bytes) -> int | None:
    try:
        return int(data)
    except ValueError:
        return None
