"""Only files really below an allowed folder are read, by any path and despite concurrent changes."""

import os
import socket
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from memories.errors import InputError
from memories.mcp.text_file import named_folders, read_text_file, working_folder

SECRET = "The secret of somebody else."


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An allowed folder with a note, beside a private folder."""
    named = tmp_path / "notes"
    (named / "deep").mkdir(parents=True)
    (named / "deep" / "note.txt").write_text("A note.")
    (tmp_path / "notes-private").mkdir()
    (tmp_path / "notes-private" / "note.txt").write_text(SECRET)
    return named


@pytest.mark.parametrize(
    "path", ["deep/note.txt", "deep/../deep/note.txt", "link.txt", "way/note.txt", "./deep//note.txt"]
)
def test_whatever_way_leads_to_a_file_below_it_is_taken(root: Path, path: str) -> None:
    (root / "link.txt").symlink_to("deep/note.txt")
    (root / "way").symlink_to(root / "deep")
    assert read_text_file(f"{root}/{path}", [root]) == (root / "deep" / "note.txt", "A note.")


def test_a_root_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(root)
    for given in (tmp_path / "linked", root):
        assert read_text_file(f"{given}/deep/note.txt", [tmp_path / "linked"]).text == "A note."


@pytest.mark.parametrize(
    "path",
    [
        "../notes-private/note.txt", "deep/../../notes-private/note.txt", "out.txt", "out/note.txt", "twice.txt",
        "self/cwd/etc/passwd", "self/environ", "../NOTES/deep/note.txt", "gone.txt",
    ],
)  # fmt: skip
def test_what_lies_elsewhere_is_not_read_and_not_even_known_to_be_there(root: Path, tmp_path: Path, path: str) -> None:
    (root / "out.txt").symlink_to(tmp_path / "notes-private" / "note.txt")
    (root / "out").symlink_to(tmp_path / "notes-private")
    (root / "twice.txt").symlink_to("out.txt")
    (root / "gone.txt").symlink_to(tmp_path / "notes-private" / "none.txt")
    (root / "self").symlink_to("/proc/self")
    with pytest.raises(InputError, match=r"not below a folder of MCP_FILE_ROOTS|not an ordinary file"):
        read_text_file(f"{root}/{path}", [root])


@pytest.mark.parametrize(
    "path", ["/proc/self/environ", "/proc/self/maps", "/dev/stdin", "/dev/zero", "/dev/tty", "/sys/kernel/notes"]
)
def test_what_the_kernel_shows_is_no_file_even_where_everything_is_named(path: str) -> None:
    with pytest.raises(InputError, match="it is not an ordinary file"):
        read_text_file(path, [Path("/")])


def test_pipes_sockets_and_folders_are_not_opened(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        # The name of a socket must be short.
        monkeypatch.chdir(root)
        listener.bind("socket")
        for name in ("pipe", "socket"):
            with pytest.raises(InputError, match="it is not an ordinary file"):
                read_text_file(str(root / name), [root])
    for folder in (root, root / "deep"):
        with pytest.raises(InputError, match="it is a folder"):
            read_text_file(str(folder), [root])


def test_without_a_named_folder_nothing_is_read(root: Path) -> None:
    with pytest.raises(InputError, match="MCP_FILE_ROOTS"):
        read_text_file(str(root / "deep" / "note.txt"), [])


def test_a_folder_that_becomes_a_link_meanwhile_leads_nowhere(root: Path, tmp_path: Path) -> None:
    (root / "real").mkdir()
    (root / "real" / "note.txt").write_text("A note.")
    (root / "false").symlink_to(tmp_path / "notes-private")
    ended = Event()

    def swap() -> None:
        while not ended.is_set():
            (root / "swapped").symlink_to("real")
            (root / "swapped").unlink()
            (root / "real").rename(root / "swapped")
            (root / "swapped").rename(root / "real")
            (root / "false").rename(root / "swapped")
            (root / "swapped").rename(root / "false")

    swapping = Thread(target=swap)
    swapping.start()
    try:
        for _ in range(500):
            with suppress(InputError):
                assert read_text_file(f"{root}/swapped/note.txt", [root]).text != SECRET
    finally:
        ended.set()
        swapping.join()


def test_folders_are_named_whole_with_colons_between_them() -> None:
    assert named_folders("") == named_folders(" : ") == []
    assert named_folders("/a b:~/notes") == [Path("/a b"), Path("~/notes").expanduser()]
    with pytest.raises(InputError, match="absolute paths"):
        named_folders("/a:notes")


def test_no_working_folder_is_everything(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    assert working_folder() == [root]
    monkeypatch.chdir("/")
    assert working_folder() == []
