"""The commands, file map and variables in the README match the code."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

import dreams
from ingest.settings import IngestSettings
from ingest.sources import SOURCES
from memories.settings import StoreSettings
from memories.views.queries import queries
from sidecar.settings import SidecarSettings

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text()
DOCUMENTS = [README, *(path.read_text() for path in (ROOT / "docs").glob("*.md"))]


# The word after each of these commands is also one of a list.
SECOND_WORDS = {"ingest": SOURCES, "query": queries()}


def variables() -> set[str]:
    named = {name.upper() for settings in (StoreSettings, IngestSettings) for name in settings.model_fields}
    fields = SidecarSettings.model_fields.items()
    return named | {str(field.validation_alias or f"SIDECAR_{name.upper()}") for name, field in fields}


def code_lines(*documents: str) -> Iterator[str]:
    """The contents of code spans, and the lines of code blocks."""
    for document in documents:
        for number, part in enumerate(document.split("```")):
            yield from (
                part.splitlines()
                if number % 2
                else (span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", part))
            )


def test_it_is_short_enough_to_read() -> None:
    assert len(README.splitlines()) < 170
    assert len((ROOT / "docs/architecture.md").read_text().splitlines()) < 150


def test_every_command_named_exists() -> None:
    commands = get_command(dreams.app).commands  # type: ignore[attr-defined]
    for line in code_lines(*DOCUMENTS):
        for first, second in re.findall(r"^(?:\$ )?dreams ([a-z][a-z-]+)(?: ([a-z-]+)(?![\w/.]))?", line):
            assert first in commands, line
            known = SECOND_WORDS.get(first) or getattr(commands[first], "commands", None)
            assert not (second and known) or second in known, line


def test_every_make_target_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in {name for line in code_lines(*DOCUMENTS) for name in re.findall(r"^make ([a-z-]+)", line)}:
        if target.startswith("bench-"):
            assert (ROOT / "benchmarks" / f"{target.removeprefix('bench-')}.py").exists(), target
        else:
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_file_map_is_the_tree() -> None:
    block = README.split("## Where things are")[1].split("```")[1]
    mapped = {line.split()[0].rstrip("/") for line in block.strip().splitlines()}
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    tree = {path.split("/")[0] for path in tracked if "/" in path and not path.startswith(".")} | {"dreams.py"}
    assert mapped == tree


def test_every_setting_is_in_the_table_and_in_the_example_once() -> None:
    table = set(re.findall(r"`([A-Z][A-Z_]+)`", README.split("## Settings")[1].split("## ")[0]))
    assert table == variables()
    example = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(example) == sorted(variables())


def test_paths_in_the_documents_are_there() -> None:
    for text in DOCUMENTS:
        for path in re.findall(
            r"`((?:docs|ingest|memories|sidecar|sql|biological_memory|tests|benchmarks|macros)/[\w./-]*)`", text
        ):
            here = ROOT / path if not path.startswith("macros") else ROOT / "biological_memory" / path
            assert here.exists(), path


def test_every_row_of_the_biology_names_a_model_or_macro_that_is_there() -> None:
    rows = [
        row for row in (ROOT / "docs/biology.md").read_text().splitlines() if row.startswith("| ") and "---" not in row
    ]
    models = {
        path.stem for path in (ROOT / "biological_memory" / "models").rglob("*") if path.suffix in {".sql", ".py"}
    }
    macros = {
        name
        for path in (ROOT / "biological_memory" / "macros").glob("*.sql")
        for name in re.findall(r"macro (\w+)\(", path.read_text())
    }
    functions = {
        name
        for path in (ROOT / "sql" / "migrations").glob("*.sql")
        for name in re.findall(r"(?:function|view) dreams\.(\w+)", path.read_text())
    }
    columns = {
        name
        for path in (ROOT / "biological_memory" / "models").rglob("*.sql")
        for name in re.findall(r"\bas (\w+)", path.read_text())
    }
    known = models | macros | functions | columns
    for row in rows[1:]:
        for name, star in re.findall(r"`([a-z_]+)(\*?)`", row.split("|")[2]):
            assert any(each.startswith(name) for each in known) if star else name in known, name


@pytest.mark.parametrize("folder", ["memories", "ingest", "sidecar"])
def test_only_settings_read_the_environment(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        text = path.read_text()
        if path.name in {"settings.py"} or "os.environ" not in text:
            continue
        # Passing the environment on to a program, replacing it, or setting defaults is not reading it.
        assert re.findall(r"os\.environ(?!,|\.setdefault|\.clear|\.update)", text) == [], path


def test_no_model_is_longer_than_eighty_lines() -> None:
    long = {
        path.name: count
        for path in (ROOT / "biological_memory" / "models").rglob("*.sql")
        if (count := len(path.read_text().splitlines())) > 80
    }
    assert long == {}


def test_light_imports_hold_no_torch() -> None:
    program = "import dreams, ingest.cycle.run, memories.views.queries, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
