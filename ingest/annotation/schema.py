"""Defines `Annotation`, what rules and chat models say about a memory; a chat model has to fill in its JSON schema.

A server that keeps a model to the schema gets valid annotations alone: what JSON Schema has no word for, such as how
many words a topic has, its patterns say. They name characters only, which every server's grammar can.
"""

import re
import unicodedata
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

EntityKind = Literal[
    "person", "place", "organisation", "product", "file", "url", "mention", "code", "quantity", "time", "name"
]
TaskType = Literal["goal", "task", "action", "observation"]
GIST_CHARACTERS = 200
MAXIMUM_ENTITIES = 40
MAXIMUM_TOPICS = 6
MAXIMUM_TOPIC_WORDS = 3
TOPIC_CHARACTERS = 80
ENTITY_CHARACTERS = 200
WORD_CHARACTERS = 25
CHARACTERS = range(0x10000)
NUMBERED = re.compile(r"\b([^\W\d_]+)[/-](\d{1,2}(?:\.\d)?)(?!\S)")


def _ranges(categories: str) -> str:
    """The characters of some Unicode categories, as the ranges of a regular expression's class."""
    there = [unicodedata.category(chr(code))[0] in categories for code in CHARACTERS]
    borders = [code for code, (before, now) in enumerate(pairwise([False, *there, False])) if before != now]
    return "".join(f"{chr(first)}-{chr(end - 1)}" for first, end in zip(borders[::2], borders[1::2], strict=True))


LETTERS, IN_WORDS = _ranges("LN"), _ranges("LMN")
WORD = f"[{LETTERS}][{IN_WORDS}]{{0,{WORD_CHARACTERS - 1}}}"
TOPIC_PATTERN = f"^{WORD}( {WORD}){{0,{MAXIMUM_TOPIC_WORDS - 1}}}$"
ENTITY_PATTERN = f"^[{LETTERS}][^\u0000-\u001f]{{0,{ENTITY_CHARACTERS - 1}}}$"
GIST_PATTERN = f"^[{LETTERS}][^\u0000-\u001f]{{0,{GIST_CHARACTERS - 1}}}$"


def normalised_topic(text: str) -> str:
    """Small letters in NFC with single spaces, no punctuation at the ends and none before a number at a word's end.

    So forms of one concept are equal: "HTTP/2", "http-2" and "http2".
    """
    words = NUMBERED.sub(r"\1\2", unicodedata.normalize("NFC", text.lower())).split()
    topic = unicodedata.normalize("NFC", " ".join(words))
    start, end = 0, len(topic)
    while start < end and not _belongs_to_word(topic[start]):
        start += 1
    while end > start and not _belongs_to_word(topic[end - 1]):
        end -= 1
    return topic[start:end]


def _belongs_to_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN"


def _checked_topic(text: str) -> str:
    topic = normalised_topic(text)
    if not 1 <= len(topic.split()) <= MAXIMUM_TOPIC_WORDS:
        raise ValueError(f"a topic has one to three words, not {text!r}")
    return topic


def _unique(topics: list[str]) -> list[str]:
    return list(dict.fromkeys(topics))


class Entity(BaseModel):
    """A thing the text names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: Annotated[str, WithJsonSchema({"type": "string", "pattern": ENTITY_PATTERN})] = Field(
        min_length=1, max_length=ENTITY_CHARACTERS, description="The name exactly as the text writes it."
    )
    kind: EntityKind = Field(description="What it is; `name` for a proper name of unknown kind.")


class Annotation(BaseModel):
    """What one memory is about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entities: list[Entity] = Field(
        max_length=MAXIMUM_ENTITIES, description="People, places, organisations, products, files, quantities, times."
    )
    topics: Annotated[
        list[
            Annotated[
                str,
                Field(min_length=1, max_length=TOPIC_CHARACTERS),
                AfterValidator(_checked_topic),
                WithJsonSchema({"type": "string", "pattern": TOPIC_PATTERN}),
            ]
        ],
        AfterValidator(_unique),
    ] = Field(
        max_length=MAXIMUM_TOPICS,
        description="Keyphrases of one to three words in lower case, in the text's language, the most typical first.",
    )
    sentiment: Annotated[float, Field(ge=-1, le=1)] | None = Field(
        description="-1 is unpleasant, 0 neutral, 1 pleasant; null where the text does not tell."
    )
    task_type: TaskType = Field(
        description="goal: a wish for the longer run; task: still to be done; action: done by the writer; "
        "observation: anything else, questions too."
    )
    gist: Annotated[str, WithJsonSchema({"type": "string", "pattern": GIST_PATTERN})] = Field(
        max_length=GIST_CHARACTERS, description="The most telling sentence or its beginning, at most 200 characters."
    )
    revises: bool = Field(description="Whether the text says that something changed from what held before.")
