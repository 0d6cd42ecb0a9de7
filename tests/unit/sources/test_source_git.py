import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.sources import git
from memories.errors import SourceError
from memories.records import Document, Rejected, Remark

WHO = {
    "GIT_AUTHOR_NAME": "Ana Ünal",
    "GIT_AUTHOR_EMAIL": "a@x",
    "GIT_COMMITTER_NAME": "C",
    "GIT_COMMITTER_EMAIL": "c@x",
}
ENVIRONMENT = {"PATH": os.defpath, "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", **WHO}


def run(repository: Path, *words: str, date: str = "2024-03-01T10:00:00+02:00", data: bytes = b"") -> str:
    dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": "2024-09-09T00:00:00Z"}
    command = ["git", "-C", str(repository), *words]
    return subprocess.run(command, env=ENVIRONMENT | dates, input=data, capture_output=True, check=True).stdout.decode()


def commit(repository: Path, message: bytes, files: dict[str, str], date: str = "2024-03-01T10:00:00+02:00") -> None:
    for name, text in files.items():
        (repository / name).write_text(text)
        run(repository, "add", "--", name)
    run(repository, "commit", "-q", "--allow-empty", "--allow-empty-message", "-F", "-", date=date, data=message)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "garden"
    folder.mkdir()
    run(folder, "init", "-q", "-b", "main")
    return folder


def read(path: Path) -> list[Document]:
    return [each for each in git.read(path) if isinstance(each, Document)]


def test_a_commit_is_one_memory(repository: Path) -> None:
    commit(repository, b"Plant roses\n\nNear the wall.\n", {"a.txt": "1", "line\nbreak ü": "2"})
    (memory,) = read(repository)
    commit_hash = run(repository, "rev-parse", "HEAD").strip()
    assert memory == Document(
        source="git",
        native_id=commit_hash,
        content="Plant roses\n\nNear the wall.",
        context="2 files: a.txt, line\nbreak ü",
        tags=("git",),
        metadata={
            "channel": "git",
            "repository": "garden",
            "commit": commit_hash,
            "author": "Ana Ünal",
            "people": ["Ana Ünal"],
            "addresses": {"Ana Ünal": "a@x"},
            "files": ["a.txt", "line\nbreak ü"],
            "file_count": 2,
        },
        created_at=datetime(2024, 3, 1, 8, tzinfo=UTC),
    )


def test_merges_renames_and_many_files(repository: Path) -> None:
    commit(repository, b"many", {f"f{number:03}": "x" for number in range(60)})
    run(repository, "checkout", "-q", "-b", "side")
    run(repository, "mv", "f000", "g")
    commit(repository, b"rename", {})
    run(repository, "checkout", "-q", "main")
    commit(repository, b"other", {"f001": "y"})
    run(repository, "merge", "-q", "--no-edit", "side")
    found = {memory.content: memory for memory in read(repository)}
    assert found.keys() == {"many", "rename", "other", "Merge branch 'side'"}
    assert found["Merge branch 'side'"].context == ""
    assert found["rename"].metadata["files"] == ["f000", "g"]
    many = found["many"]
    assert many.context.endswith("f019 and 40 more") and many.context.startswith("60 files: f000, f001")
    assert many.metadata["file_count"] == 60 and many.metadata["files"] == [f"f{number:03}" for number in range(50)]


def test_messages_that_are_not_utf8_or_empty(repository: Path) -> None:
    commit(repository, b"", {})
    commit(repository, b"replaced below", {"a": "1"})
    raw = run(repository, "cat-file", "commit", "HEAD").encode().replace(b"replaced below", b"caf\xe9")
    # `git commit` would repair the message; `hash-object` stores it unchanged, as old tools did.
    run(
        repository,
        "reset",
        "-q",
        "--soft",
        run(repository, "hash-object", "-w", "-t", "commit", "--stdin", data=raw).strip(),
    )
    run(repository, "config", "i18n.commitEncoding", "ISO-8859-15")
    commit(repository, b"10 \xa4", {})
    declared, undeclared, rejected = git.read(repository)
    assert isinstance(declared, Document) and declared.content == "10 €" and "decoded_as" not in declared.metadata
    assert isinstance(undeclared, Document) and undeclared.content == "café"
    assert undeclared.metadata["decoded_as"] == "latin-1" and undeclared.metadata["files"] == ["a"]
    assert isinstance(rejected, Rejected) and "no message" in rejected.reason


def test_an_empty_repository_says_so(repository: Path) -> None:
    (remark,) = git.read(repository)
    assert isinstance(remark, Remark) and "0 commits yet" in remark.sentence


def test_everyone_who_took_part_is_kept_under_the_name_of_the_mailmap(repository: Path) -> None:
    mailmap = "# <x>\nAna Maria Ünal <ana@new> <A@x>\nBo Li <bo@work>\nZoe <z@z> bot <shared@x>\n<only@address> <c@d>\n"
    message = (
        b"Plant roses\n\nSee Goodbye: no. Standby: none\n\nCo-authored-by: bo <bo@WORK>\nReviewed-By: Cy D <c@d>, bot <shared@x>\n"
        b"Signed-off-by: Ana U <a@x>\nTested-by: Grace\nFixed-by: https://x.test/1\nReported-by: \nacked-by: <e@f>\n"
    )
    commit(repository, b"mail", {".mailmap": mailmap})
    commit(repository, message, {"a": "1"})
    memory, _ = read(repository)
    assert memory.metadata["author"] == "Ana Maria Ünal"
    assert memory.metadata["people"] == ["Ana Maria Ünal", "Bo Li", "Cy D", "Zoe", "Grace", "e@f"]
    assert memory.metadata["addresses"] == {
        "Ana Maria Ünal": "a@x", "Bo Li": "bo@WORK", "Cy D": "c@d", "Zoe": "shared@x", "e@f": "e@f",
    }  # fmt: skip


def test_a_commit_that_reverts_others_names_them(repository: Path) -> None:
    commit(repository, b"Revert roses\n\nThis reverts commit 0123456789abcdef.\n\nFrost.", {"a": "1"})
    (memory,) = read(repository)
    assert memory.metadata["reverts"] == ["0123456789abcdef"]


@pytest.mark.parametrize("mailmap", ["\xff\0<<>>", "<" * 100_000, "a <b>" * 50_000, "x\n" * 600_000])
def test_a_hostile_mailmap_harms_nothing(repository: Path, tmp_path: Path, mailmap: str) -> None:
    commit(repository, b"one", {".mailmap": mailmap})
    (tmp_path / "elsewhere").write_text("Mallory <m@m> <a@x>\n")
    run(repository, "config", "mailmap.file", str(tmp_path / "elsewhere"))
    (repository / ".mailmap").unlink()
    os.mkfifo(repository / ".mailmap")
    (memory,) = read(repository)
    assert memory.metadata["people"] == ["Ana Ünal"]


def test_bare_repositories_and_folders_inside(repository: Path, tmp_path: Path) -> None:
    (repository / "sub").mkdir()
    commit(repository, b"one", {"sub/a": "1"})
    run(tmp_path, "clone", "-q", "--bare", str(repository), str(tmp_path / "garden.git"))
    for path in (repository / "sub", tmp_path / "garden.git"):
        (memory,) = read(path)
        assert memory.metadata["repository"] == "garden" and memory.metadata["files"] == ["sub/a"]


def test_nothing_that_a_repository_configures_is_run(repository: Path, tmp_path: Path) -> None:
    commit(repository, b"one", {"a": "1"})
    raw = run(repository, "cat-file", "commit", "HEAD")
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\n"
    signed = raw.replace("\n\n", "\n" + signature, 1).encode()
    run(repository, "reset", "-q", run(repository, "hash-object", "-w", "-t", "commit", "--stdin", data=signed).strip())
    trace = tmp_path / "ran"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {trace}\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "diff.external", "gpg.program", "core.editor", "core.sshCommand"):
        run(repository, "config", key, str(script))
    for key, value in (("log.showSignature", "true"), ("log.showRoot", "false")):
        run(repository, "config", key, value)
    (memory,) = read(repository)
    assert memory.content == "one" and memory.metadata["files"] == ["a"]
    assert not trace.exists()


def test_paths_are_never_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("--exec-path=x")
    folder.mkdir()
    run(tmp_path / folder, "init", "-q")
    commit(tmp_path / folder, b"one", {"a": "1"})
    (memory,) = read(folder)
    assert memory.metadata["repository"] == "--exec-path=x"


def test_the_callers_git_variables_do_not_redirect(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(repository, b"mine", {})
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    assert [memory.content for memory in read(repository)] == ["mine"]


def test_a_damaged_history_gives_what_can_be_read(repository: Path) -> None:
    commit(repository, b"lost", {"a": "1"})
    commit_hash = run(repository, "rev-parse", "HEAD").strip()
    commit(repository, b"kept", {"b": "1"})
    (repository / ".git" / "objects" / commit_hash[:2] / commit_hash[2:]).unlink()
    *_, last = git.read(repository)
    assert isinstance(last, Rejected) and "rest of the history" in last.reason


def test_what_is_no_repository_is_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    for path in (tmp_path / "none", file, tmp_path):
        with pytest.raises(SourceError, match=path.name):
            git.read(path)


def test_progress_counts_and_stopping_early_leaves_no_process(repository: Path) -> None:
    commit(repository, b"one", {})
    commit(repository, b"two", {})
    counted: list[int] = []
    records = git.read(repository, on_bytes=counted.append)
    next(records)
    records.close()  # type: ignore[attr-defined]
    assert sum(counted) > 0 and git.size_bytes(repository) is None
