"""Holds the lists that tell people from other names: Faker's names, tzdata's places, and the words of names.yml."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module, resources
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import faker.providers.person
import yaml

FEWEST_COUNTRIES = 2
LATIN_END = "\u024f"


@cache
def _told() -> Mapping[str, Any]:
    told: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("names.yml").read_text("utf-8"))
    return told


@cache
def name_words(what: str) -> frozenset[str]:
    """The `titles`, or those of `kin`."""
    return frozenset(_told()[what])


@cache
def honorifics(where: str, language: str) -> tuple[str, ...]:
    """The titles `before` or `after` a name in a language without capitals."""
    return tuple(_told()[where].get(language, ()))


@cache
def person_verbs(language: str) -> frozenset[str]:
    return frozenset(_told()["verbs"].get(language, ()))


@cache
def has_lists(language: str) -> bool:
    """Whether the names of a language without capitals are known."""
    return language in _told()["countries"]


@cache
def names_of(language: str, what: str) -> frozenset[str]:
    """The `first_names` or `last_names` of a language without capitals."""
    return _listed(_told()["countries"][language], what)


@cache
def first_names() -> frozenset[str]:
    """First names as they are written; in Latin letters only those that two countries have."""
    counts: dict[str, int] = {}
    for module in iter_modules(faker.providers.person.__path__):
        if module.name != "en":
            for name in _listed(module.name, "first_names"):
                counts[name] = counts.get(name, 0) + 1
    return frozenset(
        name for name, count in counts.items() if len(name) > 1 and (count >= FEWEST_COUNTRIES or name[0] > LATIN_END)
    )


@cache
def places() -> frozenset[str]:
    """Countries and large cities, as the database of time zones names them in English: France is no woman by itself."""
    folder = resources.files("tzdata.zoneinfo")
    rows = [
        *(folder / "iso3166.tab").read_text("utf-8").splitlines(),
        *(folder / "zone.tab").read_text("utf-8").splitlines(),
    ]
    named = (row.split("\t")[-1 if row.count("\t") == 1 else 2] for row in rows if row[:1] not in ("#", ""))
    return frozenset(name.rpartition("/")[2].replace("_", " ") for name in named)


@cache
def _listed(country: str, what: str) -> frozenset[str]:
    provider = import_module(f"faker.providers.person.{country}").Provider
    found = (getattr(provider, f"{what}{suffix}", ()) for suffix in ("", "_male", "_female"))
    return frozenset(str(name) for each in found if not isinstance(each, property) for name in each)
