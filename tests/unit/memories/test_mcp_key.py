"""`dreams mcp --http` makes one key for all starts, private to its owner."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memories.errors import InputError
from memories.serving.bearer import is_given
from memories.serving.own_key import own_key


def test_servers_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with ThreadPoolExecutor(8) as starting:
        keys = set(starting.map(own_key, [home] * 8))
    assert len(keys) == 1 and len(keys.pop()) >= 32
    assert [file.name for file in home.iterdir()] == ["mcp.key"]
    assert (home / "mcp.key").stat().st_mode & 0o777 == 0o600
    assert own_key(tmp_path) != own_key(home)


@pytest.mark.parametrize("harm", ["readable", "link", "empty", "folder", "binary"])
def test_a_key_that_is_not_its_owners_alone_is_not_used(tmp_path: Path, harm: str) -> None:
    file = tmp_path / "mcp.key"
    if harm == "link":
        (tmp_path / "elsewhere").write_text("known to others")
        file.symlink_to(tmp_path / "elsewhere")
    elif harm == "folder":
        file.mkdir()
    else:
        file.write_bytes({"empty": b"", "binary": b"\xff", "readable": b"seen by all"}[harm])
        file.chmod(0o644 if harm == "readable" else 0o600)
    with pytest.raises(InputError, match="remove it"):
        own_key(tmp_path)


@pytest.mark.parametrize(
    ("given", "is_taken"),
    [
        ([b"Bearer k"], True), ([b"bearer k"], True), ([b"BEARER   k "], True),
        ([], False), ([b"k"], False), ([b"Bearer"], False), ([b"Bearer "], False), ([b"Bearer K"], False),
        ([b"Bearer kk"], False), ([b"Basic k"], False), ([b"Bearer\tk"], False), ([b"Bearer k", b"Bearer k"], False),
        ([b"Bearer \xff"], False),
    ],
)  # fmt: skip
def test_a_key_is_given_once_as_a_bearer_token(given: list[bytes], is_taken: bool) -> None:
    headers = [(b"host", b"localhost"), *((b"authorization", value) for value in given)]
    assert is_given(headers, "k") is is_taken
