"""Types for the texts, instants and JSON of requests: they accept only what Postgres can store, and OpenAPI says so."""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Discriminator, Field, JsonValue, StrictBool, Tag
from typing_extensions import TypeAliasType

from memories.limits import DEEPEST_METADATA_LEVELS, inside

DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII)
WITHOUT_NUL = {"pattern": "^[^\\u0000]*$"}
# What Python's strip removes: `\s` in JSON Schema leaves out the separators U+001C to U+001F and U+0085.
BLANK = r"\s\u001c-\u001f\u0085"
WITH_A_WORD = {"pattern": f"^[^\\u0000]*[^\\u0000{BLANK}][^\\u0000]*$"}
NO_OTHERS = {"additionalProperties": False}


def _well_formed(text: str) -> str:
    """Refuses lone surrogates, which JSON can spell: encoding them raises a ValueError, which pydantic reports."""
    text.encode()
    return text


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("it contains the character NUL, which Postgres cannot store")
    return text


def _with_a_word(text: str) -> str:
    if not text.strip():
        raise ValueError("it is empty")
    return text


def _number(value: object) -> object:
    """Accepts numbers only: pydantic by itself would also accept strings and booleans."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("it is not a number")
    return value


def _date_time(value: object) -> object:
    """Accepts RFC 3339 only: pydantic by itself would also accept dates, numbers and times without an offset."""
    if not isinstance(value, str) or DATE_TIME.fullmatch(value) is None:
        raise ValueError("write an instant like 2026-01-31T09:00:00+01:00")
    return value


def _in_utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("an instant must be in the years 1 to 9999") from error


def _not_too_deep(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Refuses deeply nested JSON: a response nests it deeper still, and must remain serialisable."""
    level: list[object] = [value]
    for _ in range(DEEPEST_METADATA_LEVELS):
        level = [inner for outer in level for inner in inside(outer)]
    if level:
        raise ValueError(f"it is nested deeper than {DEEPEST_METADATA_LEVELS} levels")
    return value


def _kind(value: object) -> str | None:
    """The tag of a JSON value's type; None for any other value."""
    return KINDS.get(type(value))


KINDS = {type(None): "null", bool: "boolean", int: "number", float: "number", str: "text", list: "list", dict: "object"}
Text = Annotated[str, AfterValidator(_well_formed)]
Kept = Annotated[Text, AfterValidator(_without_nul), Field(json_schema_extra=WITHOUT_NUL)]
Words = Annotated[
    Text, AfterValidator(_without_nul), AfterValidator(_with_a_word), Field(json_schema_extra=WITH_A_WORD)
]
Whole = BeforeValidator(_number)
Instant = Annotated[AwareDatetime, BeforeValidator(_date_time), AfterValidator(_in_utc)]
InUtc = Annotated[datetime, AfterValidator(_in_utc)]
if TYPE_CHECKING:
    Json = JsonValue
else:
    Json = TypeAliasType(
        "Json",
        Annotated[
            Annotated[None, Tag("null")]
            | Annotated[StrictBool, Tag("boolean")]
            | Annotated[int | Annotated[float, Field(allow_inf_nan=False)], Tag("number")]
            | Annotated[Kept, Tag("text")]
            | Annotated[list["Json"], Tag("list")]
            | Annotated[dict[Kept, "Json"], Field(json_schema_extra=NO_OTHERS), Tag("object")],
            Discriminator(_kind),
        ],
    )
JsonObject = Annotated[dict[Kept, Json], Field(json_schema_extra=NO_OTHERS), AfterValidator(_not_too_deep)]
