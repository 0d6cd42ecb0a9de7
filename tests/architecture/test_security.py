"""docs/security.md names all files and ports, and no others."""

import inspect
import re

from commands.serve import mcp
from memories.home import CONTENTS
from memories.settings import StoreSettings
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()


def table(heading: str) -> list[str]:
    """The first cells of the table below a heading."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("|")][2:]


def test_every_file_of_the_home_is_described() -> None:
    described = [name for cell in table("What is kept where") for name in re.findall(r"`([^`]+)`", cell)]
    assert sorted(described) == sorted(CONTENTS)


def test_every_port_is_described() -> None:
    ports = [StoreSettings.model_fields["sidecar_port"].default, str(inspect.signature(mcp).parameters["port"].default)]
    assert [cell for cell in table("What listens") if cell.isdigit()] == [*ports, "4200"]


def test_it_is_a_page() -> None:
    assert len(PAGE.splitlines()) < 100
