"""Reads the properties above a note, in YAML 1.2 as Obsidian does."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, NamedTuple, cast

import yaml

from ingest.sources.reading.fields import Fields
from ingest.sources.reading.storable import DEPTH_LIMIT, storable

FRONT_MATTER = re.compile(r"---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
SIZE_LIMIT = 128 * 1024
# Values of these keys are names, even if they look like numbers or dates.
NAME_KEYS = frozenset({"tags", "tag", "aliases", "alias"})
STRING, NULL = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null"
# Besides YAMLError, what PyYAML's constructors let through for `!!timestamp x`, `!!bool x` and the like.
YAML_ERRORS = (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError)
PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class CoreLoader(PARSER):  # type: ignore[misc, valid-type]
    """YAML without the implicit types of 1.1: `yes`, `on`, dates, times and octal numbers are strings."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}


for kind, form, beginnings in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*|(?=[eE])))(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
):
    CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", re.compile(f"(?:{form})$"), list(beginnings))


class Split(NamedTuple):
    """The properties and the text below; `error` says why unreadable properties stay in the text."""

    properties: Fields
    body: str
    error: str | None = None


def split(text: str) -> Split:
    match = FRONT_MATTER.match(text)
    if match is None:
        return Split({}, text)
    try:
        properties = storable(_loaded(match[1]), Counter())
    except YAML_ERRORS as error:
        return Split({}, text, " ".join(str(error).split())[:200] or type(error).__name__)
    if not isinstance(properties, Mapping):
        return Split({}, text, "it is not a list of keys and values")
    return Split(cast(Fields, properties), text[match.end() :])


def _loaded(text: str) -> object:
    if len(text) > SIZE_LIMIT:
        raise ValueError(f"it is longer than {SIZE_LIMIT} characters")
    _check_events(text)
    loader = CoreLoader(text)
    try:
        node = loader.get_single_node()
        _check_keys(node)
        for name in _names(node):
            name.tag = STRING
        return {} if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


def _check_events(text: str) -> None:
    """Raises ValueError for aliases, which turn a few bytes into billions, and for nesting that overflows C's stack."""
    depth = 0
    for event in yaml.parse(text, Loader=PARSER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_LIMIT:
            raise ValueError(f"nested more than {DEPTH_LIMIT} levels deep")
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("aliases are not read")


def _check_keys(node: yaml.Node | None) -> None:
    keys = [str(key.value) for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []
    if len(keys) > len(set(keys)):
        raise ValueError("a key occurs twice")


def _names(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """The values of `NAME_KEYS`, which stay as written."""
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if isinstance(key, yaml.ScalarNode) and key.value.lower() in NAME_KEYS:
            given = value.value if isinstance(value, yaml.SequenceNode) else [value]
            yield from (each for each in given if isinstance(each, yaml.ScalarNode) and each.tag != NULL)


def listed(properties: Fields, keys: Sequence[str], separator: str) -> list[str]:
    """The names under these keys, from a list or from one string split at `separator`."""
    given: list[object] = []
    for value in (value for key, value in properties.items() if key.lower() in keys):
        given += value if isinstance(value, list) else re.split(separator, value) if isinstance(value, str) else []
    return [name for each in given if each is not None and (name := str(each).strip())]


def readable(properties: Fields) -> str:
    """The properties as lines of text, for notes without any other."""
    lines = (f"{key}: {text}" for key, value in properties.items() if (text := _in_line(value)))
    return "\n".join(lines)


def _in_line(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {text}" for key, each in value.items() if (text := _in_line(each)))
    if isinstance(value, list):
        return ", ".join(text for each in value if (text := _in_line(each)))
    return str(value).lower() if isinstance(value, bool) else str(value).strip()
