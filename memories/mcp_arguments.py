"""What the MCP tools take: Codex's parameters, checked strictly, each with a description that also serves as advice."""

import json
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from memories.limits import LONGEST_QUERY_CHARACTERS

LONGEST_SUMMARY_WORDS = 120
MOST_RESULTS = 100


def _few_words(summary: str) -> str:
    if (count := len(summary.split())) > LONGEST_SUMMARY_WORDS:
        raise ValueError(f"it has {count} words")
    return summary


def _listed(value: object) -> object:
    """Some assistants write a list as JSON within a text."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("it is empty")
    return value


Text = Annotated[str, AfterValidator(_text)]
Tags = Annotated[list[str], BeforeValidator(_listed)]
Share = Annotated[float, Field(ge=0, le=1)]
Reference = Annotated[Text, Field(description="The memory's id, or at least its first six characters.")]
Context = Annotated[str, Field(description="A text: where, when or why this was said.")]
Summary = Annotated[
    str,
    AfterValidator(_few_words),
    Field(description=f"A text of at most {LONGEST_SUMMARY_WORDS} words: what it says in short."),
]
Labels = Annotated[Tags, Field(description='A list of texts, such as ["home", "keys"].')]


class Arguments(BaseModel):
    """Of one tool; nothing else may be given, and no text is taken for a number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Nothing(Arguments):
    """Of a tool that takes nothing."""


class StoreMemory(Arguments):
    content: Text = Field(description="The text to remember, in full.")
    context: Context = ""
    summary: Summary = ""
    tags: Labels = Field(default_factory=list)


class StoreFile(Arguments):
    file_path: Text = Field(description="The absolute path of a UTF-8 text file of at most 10 MB.")
    context: Context = ""
    summary: Summary = ""
    tags: Labels = Field(default_factory=list)


class OneMemory(Arguments):
    id: Reference


class WholeId(Arguments):
    id: str = Field(
        pattern="(?i)^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$",
        description="The memory's whole id, since deleting cannot be undone.",
    )


class ExplainMemory(Arguments):
    id: Reference
    query: Annotated[Text, Field(max_length=LONGEST_QUERY_CHARACTERS)] | None = Field(
        default=None, description="A search, to see the memory's place in it and each term's share."
    )


class RecallContext(Arguments):
    agent: str | None = Field(
        default=None, description='A text: whose memories; "default" for those that name no agent, left out for all.'
    )


class SearchMemory(Arguments):
    query: Annotated[Text, Field(max_length=LONGEST_QUERY_CHARACTERS)] = Field(
        description=f"Words, or a question, of at most {LONGEST_QUERY_CHARACTERS} characters."
    )
    tag_filter: Tags = Field(
        default_factory=list, description='A list of texts, such as ["home"]: only memories that have all these tags.'
    )
    use_tag_embedding: bool = Field(default=True, description="true or false: whether tags count by their meaning.")
    use_content_embedding: bool = Field(
        default=True, description="true or false: whether content counts by its meaning, besides its words."
    )
    similarity_threshold: Share = Field(
        default=0.7,
        description="A number from 0 to 1: the least combined_score. When nothing has it, less will do.",
    )
    max_results: int = Field(default=10, ge=1, le=MOST_RESULTS, description=f"A whole number from 1 to {MOST_RESULTS}.")
    search_strategy: Literal["hybrid", "tag-first", "content-first"] = Field(
        default="hybrid",
        description="hybrid (all terms together), tag-first (the tags' similarity, then relevance) or content-first"
        " (relevance without tags, then tags).",
    )
    boost_recent: bool = Field(
        default=False, description="true or false: whether newer memories go before others of like relevance."
    )
    tag_weight: Share = Field(default=0.4, description="A number from 0 to 1: how much tags count.")
    content_weight: Share = Field(default=0.6, description="A number from 0 to 1: how much content counts.")


def complaint(tool: str, arguments: type[Arguments], error: ValidationError) -> str:
    """What is wrong first of all, in one sentence that says what to do."""
    first = error.errors(include_url=False, include_input=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "arguments"
    if first["type"] == "extra_forbidden":
        known = ", ".join(arguments.model_fields) or "nothing"
        return f"{tool} has no parameter {name!r}: it takes {known}"
    advice = (arguments.model_fields[name].description or "").rstrip(".") if name in arguments.model_fields else ""
    advice = advice or "look at the tool's schema"
    if first["type"] == "missing":
        return f"{tool} needs {name}: {advice}"
    reason = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{tool} cannot use this {name} ({reason}): {advice}"
