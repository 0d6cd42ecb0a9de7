"""DREAMS_HOME is private to its owner, or refused."""

import os
from pathlib import Path

import pytest

from memories.errors import HomeUnsuitable
from memories.home import check, close_to_others, home, make_folder
from memories.settings import StoreSettings


def open_to_others(folder: Path) -> list[Path]:
    return [path for path in (folder, *folder.rglob("*")) if path.lstat().st_mode & 0o077]


@pytest.fixture
def loose_umask() -> None:
    before = os.umask(0)
    yield
    os.umask(before)


def test_it_is_made_for_its_owner_alone(tmp_path: Path, loose_umask: None) -> None:
    assert home(StoreSettings(dreams_home=tmp_path / "a" / "b")) == tmp_path / "a" / "b"
    make_folder(tmp_path / "a" / "b" / "lexical" / "c")
    assert open_to_others(tmp_path / "a") == []


def test_what_an_earlier_version_left_open_is_closed_and_nothing_else_changes(tmp_path: Path) -> None:
    earlier, other = tmp_path / "home", tmp_path / "elsewhere"
    (earlier / "lexical" / "a").mkdir(parents=True)
    other.write_text("not ours")
    other.chmod(0o644)
    for name in ("memory.duckdb", "memory.duckdb.wal", "lexical/a/stamp.json", "sidecar.log", "sidecar.json"):
        (earlier / name).write_text("a memory")
        (earlier / name).chmod(0o666)
    (earlier / "notes.md").write_text("a person's own")
    (earlier / "lexical" / "link").symlink_to(other)
    earlier.chmod(0o755)
    close_to_others(earlier)
    assert open_to_others(earlier) == [earlier / "notes.md", earlier / "lexical" / "link"]
    assert other.stat().st_mode & 0o777 == 0o644
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_home_that_is_not_there_needs_no_closing(tmp_path: Path) -> None:
    close_to_others(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_link_to_a_folder_of_ones_own_will_do(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o755)
    (tmp_path / "link").symlink_to("home")
    close_to_others(tmp_path / "link")
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    assert home(StoreSettings(dreams_home=tmp_path / "link")).is_dir()


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_one_that_anyone_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(mode)
    for look in (check, close_to_others, lambda folder: home(StoreSettings(dreams_home=folder))):
        with pytest.raises(HomeUnsuitable, match="chmod 700"):
            look(tmp_path / "home")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_one_of_another_user_is_refused_and_so_is_what_they_put_there(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    os.chown(tmp_path / "theirs", 65534, 65534)
    (tmp_path / "link").symlink_to("theirs")
    (tmp_path / "mine").mkdir(mode=0o770)
    (tmp_path / "mine" / "sidecar.json").write_text("{}")
    os.chown(tmp_path / "mine" / "sidecar.json", 65534, 65534)
    for name in ("theirs", "link", "mine"):
        with pytest.raises(HomeUnsuitable, match="another user"):
            close_to_others(tmp_path / name)


def test_what_cannot_be_a_home_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("nothing")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "report.txt").write_text("of somebody else")
    (tmp_path / "shared").chmod(0o755)
    for name in ("file", "link", "file/below", "shared"):
        with pytest.raises(HomeUnsuitable, match=name.split("/")[0]):
            close_to_others(tmp_path / name)
    assert (tmp_path / "shared").stat().st_mode & 0o777 == 0o755
