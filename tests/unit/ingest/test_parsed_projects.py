"""Parsed dbt projects are kept while in use or recently used, however many there are."""

import os
import subprocess
import sys
from pathlib import Path

from ingest.dbt.parsed_projects import (
    FEWEST_KEPT,
    UNUSED_SECONDS,
    VERSION_FILE,
    discard_outdated,
    hold,
    is_current,
    record_version,
    remove_unused,
)
from ingest.dbt.project import PARSED_FILE
from tests.conftest import ROOT

MANY = 2 * FEWEST_KEPT
HOLD = "import sys; from pathlib import Path; from ingest.dbt.parsed_projects import hold\n"
HOLD += "with hold(Path(sys.argv[1])): print(flush=True); input()"


def make(folders: Path, count: int, *, unused_for: float) -> list[Path]:
    made = [folders / str(number) for number in range(count)]
    for number, folder in enumerate(made):
        with hold(folder):
            (folder / "partial_parse.msgpack").touch()
        at = folder.stat().st_mtime - unused_for + number
        os.utime(folder, (at, at))
    return made


def test_what_was_used_lately_stays(tmp_path: Path) -> None:
    made = make(tmp_path, MANY, unused_for=UNUSED_SECONDS / 2)
    remove_unused(tmp_path)
    assert all((folder / "partial_parse.msgpack").exists() for folder in made)


def test_of_what_is_long_unused_the_last_few_stay(tmp_path: Path) -> None:
    made = make(tmp_path, MANY, unused_for=2 * UNUSED_SECONDS)
    remove_unused(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(made[-FEWEST_KEPT:])


def test_what_another_process_holds_stays_however_long_it_takes(tmp_path: Path) -> None:
    first, *others = make(tmp_path, MANY, unused_for=2 * UNUSED_SECONDS)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(first)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        long_ago = others[0].stat().st_mtime
        os.utime(first, (long_ago, long_ago))
        remove_unused(tmp_path)
        assert first.exists()
        process.communicate("\n")
    remove_unused(tmp_path)
    assert not first.exists()


def test_what_was_parsed_from_other_files_is_discarded(tmp_path: Path) -> None:
    parsed = tmp_path / PARSED_FILE
    parsed.touch()
    record_version(tmp_path)
    discard_outdated(tmp_path)
    assert is_current(tmp_path)
    assert parsed.exists()
    (tmp_path / VERSION_FILE).write_text("of an earlier release")
    discard_outdated(tmp_path)
    assert not is_current(tmp_path)
    assert not parsed.exists()
