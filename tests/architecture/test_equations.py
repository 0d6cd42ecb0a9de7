"""The equations of docs/biology.md appear verbatim in dbt's docs, with the models that compute them."""

import re
from collections.abc import Mapping

import yaml

from ingest.dbt.project import PROJECT
from tests.conftest import ROOT

MODELS = PROJECT / "models"
BLOCK = re.compile(r"{% docs (\w+) %}\n(.+)\n{% enddocs %}")
DESCRIBED = re.compile(r'{{ doc\("(\w+)"\) }}')


def table() -> Mapping[str, tuple[str, str]]:
    """By mechanism: the models and macros that compute it, and its equation in docs/biology.md."""
    found = {}
    for line in (ROOT / "docs" / "biology.md").read_text().split("\n## ")[0].splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
        if len(cells) == 4 and cells[0] != "mechanism" and not cells[0].startswith("-"):
            mechanism, computed_by, equation, source = cells
            found[mechanism] = (computed_by, f"{mechanism}: {equation}" + (f" ({source})" if source else ""))
    return found


def described() -> Mapping[str, str]:
    """By name of a docs block: the models whose descriptions contain it."""
    found: dict[str, str] = {}
    for file in MODELS.glob("*/*.yml"):
        for model in yaml.safe_load(file.read_text()).get("models", []):
            for name in DESCRIBED.findall(model.get("description", "")):
                found[name] = f"{found.get(name, '')} {model['name']}"
    return found


def test_what_dbt_shows_is_what_the_docs_say() -> None:
    blocks = dict(BLOCK.findall((MODELS / "equations.md").read_text()))
    assert sorted(blocks.values()) == sorted(text for _, text in table().values())
    assert set(described()) == set(blocks)


def test_each_equation_is_shown_with_a_model_that_computes_it() -> None:
    blocks = {text: name for name, text in BLOCK.findall((MODELS / "equations.md").read_text())}
    shown = described()
    models = {path.stem for path in MODELS.glob("*/*") if path.suffix in (".sql", ".py")}
    for computed_by, text in table().values():
        named = models & set(re.findall(r"`(\w+)`", computed_by))
        assert named <= set(shown[blocks[text]].split()), text
