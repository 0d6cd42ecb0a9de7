"""Size limits on input. They are the same for every interface, since all go through `Memory`."""

from collections.abc import Iterable, Mapping, Sequence
from json import dumps

from memories.errors import InputError
from memories.records import Filters

LONGEST_CONTENT_MEGABYTES = 20
LONGEST_NOTE_CHARACTERS = 10_000
MOST_TAGS = 200
LONGEST_TAG_CHARACTERS = 200
LONGEST_AGENT_CHARACTERS = 200
LONGEST_QUERY_CHARACTERS = 10_000
MOST_RESULTS = 1_000
# Fewer for an assistant, whose context is small.
MOST_RESULTS_FOR_ASSISTANTS = 100
# So much of a query is recorded with the event of its search.
RECORDED_QUERY_CHARACTERS = 2_000
LARGEST_METADATA_BYTES = 65_536
MOST_METADATA_KEYS = 1_000
DEEPEST_METADATA_LEVELS = 64
# How much of a row word search covers: rows written by other programs may exceed the limits above.
INDEXED_CONTENT_CHARACTERS = 100_000
INDEXED_PART_CHARACTERS = 20_000
INDEXED_PEOPLE_CHARACTERS = 2_000


def check_memory(
    content: str | None,
    context: str | None,
    summary: str | None,
    tags: Sequence[str] | None,
    metadata: Mapping[str, object] | None,
) -> None:
    """Raises InputError when a part of a memory is too large to keep; skips parts that are None."""
    if content is not None and len(content.encode("utf-8", "replace")) > LONGEST_CONTENT_MEGABYTES * 1_000_000:
        raise InputError(f"the content is too long: store at most {LONGEST_CONTENT_MEGABYTES} MB at once")
    _check_length("the context", context or "", LONGEST_NOTE_CHARACTERS)
    _check_length("the summary", summary or "", LONGEST_NOTE_CHARACTERS)
    check_tags(tags or ())
    check_metadata_size(metadata or {})


def check_query(query: str, filters: Filters) -> None:
    """Raises InputError when a part of a search is too large."""
    _check_length("the query", query, LONGEST_QUERY_CHARACTERS)
    _check_length("the agent", filters.agent or "", LONGEST_AGENT_CHARACTERS)
    check_tags(filters.tags)
    check_metadata_size(filters.metadata)


def check_tags(tags: Sequence[str]) -> None:
    """Raises InputError when there are too many tags, or one is too long."""
    if len(tags) > MOST_TAGS:
        raise InputError(f"there are {len(tags)} tags: give at most {MOST_TAGS}")
    for tag in tags:
        _check_length("a tag", tag, LONGEST_TAG_CHARACTERS)


def check_metadata_size(metadata: Mapping[str, object]) -> None:
    """Raises InputError when metadata nests too deep, or has too many names or too many bytes."""
    level: list[object] = [metadata]
    key_count = 0
    for _ in range(DEEPEST_METADATA_LEVELS):
        key_count += sum(len(value) for value in level if isinstance(value, Mapping))
        if key_count > MOST_METADATA_KEYS:
            raise InputError(f"the metadata has more than {MOST_METADATA_KEYS} names: give fewer")
        level = [inner for outer in level for inner in inside(outer)]
    if level:
        raise InputError(f"the metadata is nested deeper than {DEEPEST_METADATA_LEVELS} levels: make it flatter")
    if len(dumps(metadata, default=str, ensure_ascii=False).encode("utf-8", "replace")) > LARGEST_METADATA_BYTES:
        raise InputError(f"the metadata has more than {LARGEST_METADATA_BYTES} bytes as JSON: put it in the content")


def inside(value: object) -> Iterable[object]:
    """The values that a JSON value holds."""
    match value:
        case Mapping():
            return value.values()
        case list() | tuple():
            return value
        case _:
            return ()


def _check_length(what: str, text: str, most: int) -> None:
    if len(text) > most:
        raise InputError(f"{what} has {len(text)} characters: give at most {most}")
