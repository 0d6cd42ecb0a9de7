"""A name means one thing: no two classes of the program and its benchmarks share one, and no folder is crowded."""

import ast
from collections import Counter, defaultdict
from pathlib import Path

from tests.conftest import ROOT

ROOMS = ("memories", "ingest", "sidecar", "commands", "benchmarks")
# The benchmarks are one folder of commands, one for each `make bench-NAME`.
MOST_MODULES = 12
COMMANDS = ROOT / "benchmarks"


def modules() -> list[Path]:
    return [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]


def test_no_two_classes_have_one_name() -> None:
    homes = defaultdict(list)
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}


def test_no_folder_has_more_than_a_dozen_modules() -> None:
    counted = Counter(path.parent for path in modules() if path.name != "__init__.py")
    crowded = {str(folder): count for folder, count in counted.items() if count > MOST_MODULES and folder != COMMANDS}
    assert crowded == {}


def test_each_folder_says_what_it_is_for() -> None:
    rooms = [path for path in modules() if path.name == "__init__.py"]
    assert [str(path) for path in rooms if not ast.get_docstring(ast.parse(path.read_text()))] == []
