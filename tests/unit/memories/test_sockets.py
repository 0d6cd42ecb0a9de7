"""The embedded Postgres listens only in a folder that no other user could have made."""

import os
import stat
from pathlib import Path

import pytest

from memories.postgres import sockets


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder whose path is too long for a socket's name."""
    folder = tmp_path / ("long" * 30) / "postgres"
    folder.mkdir(parents=True)
    return folder


def test_a_short_plain_path_holds_the_socket_itself() -> None:
    assert sockets.known(Path("/home/ada/.dreams/postgres")) == Path("/home/ada/.dreams/postgres")


@pytest.mark.parametrize(
    "name", ["it's", "a b", "100%", 'a"b', "a\\b", "a,b", "a=b", "$(id)", "`id`", "水", "a\nb", "a&b"]
)
def test_a_path_that_means_more_than_itself_does_not(tmp_path: Path, name: str) -> None:
    data = tmp_path / name / "postgres"
    data.mkdir(parents=True)
    assert sockets.known(data) is None
    folder = sockets.made(data)
    assert sockets.is_plain(folder)
    folder.rmdir()


def test_another_folder_is_secret_closed_and_remembered(data: Path) -> None:
    folder = sockets.made(data)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((data.parent / "sockets").stat().st_mode) == 0o600
    assert sockets.known(data) == folder == sockets.made(data)
    folder.rmdir()
    again = sockets.made(data)
    assert again != folder
    again.rmdir()


def test_a_folder_that_somebody_else_could_have_made_is_not_trusted(data: Path, tmp_path: Path) -> None:
    folder = sockets.made(data)
    folder.chmod(0o755)
    assert sockets.known(data) is None
    folder.rmdir()
    (tmp_path / "other").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "other")
    assert sockets.known(data) is None
    folder.unlink()
    if os.geteuid() == 0:
        folder.mkdir(mode=0o700)
        os.chown(folder, 65534, 65534)
        assert sockets.known(data) is None
        folder.rmdir()


def test_an_odd_temporary_folder_is_not_taken(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "it's").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "it's"))
    folder = sockets.made(data)
    assert folder.parent == Path("/tmp")
    folder.rmdir()
