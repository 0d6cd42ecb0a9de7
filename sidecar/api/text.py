"""What texts, instants and JSON of a request may be: what Postgres can keep. OpenAPI says the same of each."""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Discriminator, Field, JsonValue, StrictBool, Tag
from typing_extensions import TypeAliasType

from memories.limits import DEEPEST_METADATA_LEVELS, inside

DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII)
WITHOUT_NUL = {"pattern": "^[^\\u0000]*$"}
# What Python strips is blank; `\s` of JSON Schema leaves out the separators and U+0085.
BLANK = r"\s\u001c-\u001f\u0085"
WITH_A_WORD = {"pattern": f"^[^\\u0000]*[^\\u0000{BLANK}][^\\u0000]*$"}
NO_OTHERS = {"additionalProperties": False}


def well_formed(text: str) -> str:
    """JSON can spell half a surrogate pair, which is no text: encoding it raises what pydantic reports as wrong."""
    text.encode()
    return text


def without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("it holds the character NUL, which Postgres cannot keep")
    return text


def with_a_word(text: str) -> str:
    if not text.strip():
        raise ValueError("it is empty")
    return text


def number(value: object) -> object:
    """By itself pydantic would take texts and truth values for numbers, too."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("it is no number")
    return value


def date_time(value: object) -> object:
    """RFC 3339; by itself pydantic would take days, numbers and times without an offset, too."""
    if not isinstance(value, str) or DATE_TIME.fullmatch(value) is None:
        raise ValueError("an instant is written like 2026-01-31T09:00:00+01:00")
    return value


def in_utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("an instant lies in the years 1 to 9999") from error


def not_too_deep(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """An answer nests a memory's JSON deeper still, and must be possible to write."""
    level: list[object] = [value]
    for _ in range(DEEPEST_METADATA_LEVELS):
        level = [inner for outer in level for inner in inside(outer)]
    if level:
        raise ValueError(f"it nests deeper than {DEEPEST_METADATA_LEVELS} levels")
    return value


def kind(value: object) -> str | None:
    """Of a JSON value; None for what is none."""
    return KINDS.get(type(value))


KINDS = {type(None): "null", bool: "boolean", int: "number", float: "number", str: "text", list: "list", dict: "object"}
Text = Annotated[str, AfterValidator(well_formed)]
Kept = Annotated[Text, AfterValidator(without_nul), Field(json_schema_extra=WITHOUT_NUL)]
Words = Annotated[Text, AfterValidator(without_nul), AfterValidator(with_a_word), Field(json_schema_extra=WITH_A_WORD)]
Whole = BeforeValidator(number)
Instant = Annotated[AwareDatetime, BeforeValidator(date_time), AfterValidator(in_utc)]
InUtc = Annotated[datetime, AfterValidator(in_utc)]
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
            Discriminator(kind),
        ],
    )
JsonObject = Annotated[dict[Kept, Json], Field(json_schema_extra=NO_OTHERS), AfterValidator(not_too_deep)]
