"""Runs git on an untrusted repository: nothing in it can run, fetch or change what is read."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ingest.sources.reading.source import OnBytes
from memories.errors import SourceError

CHUNK_BYTES = 256 * 1024
# Nothing that the repository's configuration names may run, be fetched or change what is read.
SAFE_OPTIONS = ["--no-pager", "--no-replace-objects", "--literal-pathspecs"] + [
    word
    for setting in (
        "core.fsmonitor=false",
        "core.hooksPath=/dev/null",
        "log.showSignature=false",
        "log.showRoot=true",
        "log.mailmap=false",
        "protocol.allow=never",
        "i18n.logOutputEncoding=UTF-8",
    )
    for word in ("-c", setting)
]


def _environment() -> dict[str, str]:
    """Keeps only our home folder, whose git configuration names the repositories that the user trusts."""
    return {
        "PATH": os.defpath,
        "HOME": str(Path("~").expanduser()),
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
    }


def _arguments(path: Path, *words: str) -> list[str]:
    program = shutil.which("git")
    if program is None:
        raise SourceError("git is not installed: install it and try again")
    return [program, "-C", str(path), *SAFE_OPTIONS, *words]


def command(path: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(_arguments(path, *words), env=_environment(), capture_output=True, check=False)


def started(path: Path, complaints: IO[bytes], *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(_arguments(path, *words), env=_environment(), stdout=subprocess.PIPE, stderr=complaints)


def tokens(stream: IO[bytes], on_bytes: OnBytes) -> Iterator[bytes]:
    """Splits a stream at NUL characters, in memory bounded by the longest token."""
    rest = b""
    while chunk := stream.read(CHUNK_BYTES):
        on_bytes(len(chunk))
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
    if rest:
        yield rest
