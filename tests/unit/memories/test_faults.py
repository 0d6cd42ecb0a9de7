"""Errors become one sentence and an exit code; unexpected ones are recorded without the user's words."""

import errno
import stat
from pathlib import Path

import psycopg
import pytest

import memories.settings
from memories import faults
from memories.errors import CycleFailed, InputError

SECRET = "the key hangs behind the clock"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMS_HOME", str(tmp_path / "home"))
    memories.settings.settings.cache_clear()
    yield
    monkeypatch.undo()
    memories.settings.settings.cache_clear()


def failed() -> Exception:
    """An unexpected error, with a memory's text in its message and in that of its cause."""
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise ZeroDivisionError(SECRET) from error
    except ZeroDivisionError as error:
        return error


@pytest.mark.parametrize(
    ("error", "says", "exit_code"),
    [
        (InputError("name a file"), "name a file", 2),
        (CycleFailed("a stage failed"), "a stage failed", 1),
        (KeyboardInterrupt(), "interrupted", 130),
        (OSError(errno.ENOSPC, "No space left", "/disk/x"), "no room left on the disk at /disk/x", 1),
        (OSError(errno.EROFS, "Read-only file system", "/disk/x"), "may not read or write at /disk/x", 1),
        (PermissionError(errno.EACCES, "Permission denied", b"/disk/x"), "may not read or write at /disk/x", 1),
        (MemoryError(), "more memory than there is", 1),
        (psycopg.errors.DiskFull("could not extend file"), "no room left on its disk", 1),
        (psycopg.errors.UndefinedTable('relation "x" does not exist'), "dreams health", 1),
        (psycopg.errors.InsufficientPrivilege("permission denied"), "grant it", 1),
        (psycopg.errors.ReadOnlySqlTransaction("read-only"), "accepts no changes", 1),
        (psycopg.errors.NumericValueOutOfRange("value out of range"), "Postgres refused this", 1),
        (psycopg.OperationalError("server closed the connection\nand more"), "went away", 1),
        (psycopg.InterfaceError("closed"), "Postgres refused this", 1),
    ],
)
def test_what_may_happen_is_one_sentence_and_nothing_is_kept(error: BaseException, says: str, exit_code: int) -> None:
    told = faults.tell(error)
    assert says in told.sentence
    assert "\n" not in told.sentence
    assert told.exit_code == exit_code
    assert faults.kept() == []


def test_what_nobody_expected_is_kept_without_its_words_for_its_owner_alone(tmp_path: Path) -> None:
    told = faults.tell(failed())
    assert "dreams health --report" in told.sentence
    assert SECRET not in told.sentence
    (file,) = faults.kept()
    text = file.read_text()
    assert "test_faults.py" in text
    assert text.index("KeyError") < text.index("ZeroDivisionError")
    assert SECRET not in text
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file.parent, file)] == [0o700, 0o600]


def test_only_the_last_ones_are_kept() -> None:
    for _ in range(faults.KEPT_FAULTS + 3):
        faults.keep(failed())
    assert len(faults.kept()) == faults.KEPT_FAULTS


def test_where_nothing_can_be_kept_the_sentence_says_how_to_see_it(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("no folder")
    assert "--debug" in faults.tell(failed()).sentence


def test_the_block_ends_the_program_unless_tracebacks_are_wanted() -> None:
    said: list[str] = []
    with pytest.raises(SystemExit) as end, faults.one_sentence(said.append):
        raise InputError("name a file")
    assert (end.value.code, said) == (2, ["name a file"])
    with pytest.raises(InputError), faults.one_sentence(said.append, debug=True):
        raise InputError("name a file")
