"""Parameters of the MCP tools, as in Codex, each with a description that also serves as advice in errors.

Assistants and their clients write numbers, booleans and lists as strings, leave strings empty, and add arguments of
their own. Unambiguous values are converted; all others are refused in one sentence.
"""

import json
import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from memories.limits import LONGEST_QUERY_CHARACTERS, MOST_RESULTS_FOR_ASSISTANTS

LONGEST_SUMMARY_WORDS = 120
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
CITED = re.compile(r"\s*(?:\[?memory\s+)?([^\[\]]*?)\]?\s*", re.IGNORECASE)
TRUTHS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _few_words(summary: str) -> str:
    if (count := len(summary.split())) > LONGEST_SUMMARY_WORDS:
        raise ValueError(f"it has {count} words")
    return summary


def _short(query: str) -> str:
    # A maxLength in the schema would become a repetition that the grammars of local models do not accept.
    if len(query) > LONGEST_QUERY_CHARACTERS:
        raise ValueError(f"it has {len(query)} characters")
    return query


def _number(value: object) -> object:
    return float(value) if isinstance(value, str) and NUMBER.fullmatch(value) else value


def _whole(value: object) -> object:
    value = _number(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _truth(value: object) -> object:
    if isinstance(value, str):
        return TRUTHS.get(value.strip().lower(), value)
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else value


def _listed(value: object) -> object:
    """Reads a list written as JSON or separated by commas, and drops its empty items."""
    if isinstance(value, str):
        if value.lstrip().startswith(("[", "{")):
            try:
                value = json.loads(value)
            except ValueError:
                return value
        else:
            value = [item.strip() for item in value.split(",")]
    if isinstance(value, list):
        return [item for item in value if not isinstance(item, str) or item.strip()]
    return value


def _chosen(value: object) -> object:
    return re.sub(r"[\s_]+", "-", value.strip().lower()) if isinstance(value, str) else value


def _referred(value: object) -> object:
    """Takes the id out of a citation such as [memory 1a2b3c4d]."""
    found = CITED.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else value


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("it is empty")
    return value


Text = Annotated[str, AfterValidator(_text)]
Query = Annotated[Text, AfterValidator(_short)]
Tags = Annotated[list[str], BeforeValidator(_listed)]
Truth = Annotated[bool, BeforeValidator(_truth)]
Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(_number)]
Reference = Annotated[
    Text, BeforeValidator(_referred), Field(description="The memory's id, or at least its first six characters.")
]
Context = Annotated[str, Field(description="A text that says where, when or why this was said.")]
Summary = Annotated[
    str,
    AfterValidator(_few_words),
    Field(description=f"A short summary, a text of at most {LONGEST_SUMMARY_WORDS} words."),
]
Labels = Annotated[Tags, Field(description='A list of texts, such as ["home", "keys"].')]


class Arguments(BaseModel):
    """Arguments of one tool. Ignores unknown ones; null, and blank text in an optional field, count as not given.

    `empty_says_something` names the optional fields in which blank text has a meaning.
    """

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)
    empty_says_something: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def leave_out_what_was_not_given(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        return {name: value for name, value in given.items() if not cls._is_left_out(name, value)}

    @classmethod
    def _is_left_out(cls, name: str, value: object) -> bool:
        field = cls.model_fields.get(name)
        is_optional = field is not None and not field.is_required() and name not in cls.empty_says_something
        return value is None or (is_optional and isinstance(value, str) and not value.strip())


class Nothing(Arguments):
    """Arguments of a tool that takes none."""


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


class PinMemory(Arguments):
    id: Reference
    pinned: Truth = Field(default=True, description="true or false: whether to keep the memory from fading.")


class WholeId(Arguments):
    # Without flags or lookahead, so that JavaScript and the grammars of local models understand the pattern.
    id: Annotated[str, BeforeValidator(_referred)] = Field(
        pattern="^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$",
        description="The memory's whole id, since deleting cannot be undone.",
    )


class ExplainMemory(Arguments):
    id: Reference
    query: Query | None = Field(
        default=None, description="A search query: adds the memory's rank in it and what each term contributed."
    )


class RecallContext(Arguments):
    empty_says_something = frozenset({"agent"})

    agent: str | None = Field(
        default=None,
        description='A text: the agent whose memories to recall; "default" for those that name no agent. Omit for all.',
    )


class AskMemory(Arguments):
    question: Query = Field(description=f"A question, at most {LONGEST_QUERY_CHARACTERS} characters.")
    tag_filter: Tags = Field(
        default_factory=list, description='A list of texts, such as ["home"]: only memories that have all these tags.'
    )


class SearchMemory(Arguments):
    query: Query = Field(description=f"Words or a question, at most {LONGEST_QUERY_CHARACTERS} characters.")
    tag_filter: Tags = Field(
        default_factory=list, description='A list of texts, such as ["home"]: only memories that have all these tags.'
    )
    use_tag_embedding: Truth = Field(default=True, description="true or false: whether to match tags by meaning.")
    use_content_embedding: Truth = Field(
        default=True, description="true or false: whether to match content by meaning as well as by words."
    )
    similarity_threshold: Share = Field(
        default=0.7,
        description="A number from 0 to 1: the minimum combined_score. If nothing reaches it, lower scores count.",
    )
    max_results: Annotated[int, BeforeValidator(_whole)] = Field(
        default=10,
        ge=1,
        le=MOST_RESULTS_FOR_ASSISTANTS,
        description=f"A whole number from 1 to {MOST_RESULTS_FOR_ASSISTANTS}.",
    )
    search_strategy: Annotated[Literal["hybrid", "tag-first", "content-first"], BeforeValidator(_chosen)] = Field(
        default="hybrid",
        description="hybrid (all terms together), tag-first (the tags' similarity, then relevance) or content-first"
        " (relevance without tags, then tags).",
    )
    boost_recent: Truth = Field(
        default=False, description="true or false: whether to rank newer memories above others of similar relevance."
    )
    tag_weight: Share = Field(default=0.4, description="A number from 0 to 1: how much tags count.")
    content_weight: Share = Field(default=0.6, description="A number from 0 to 1: how much content counts.")


def complaint(tool: str, arguments: type[Arguments], error: ValidationError) -> str:
    """The first validation error, in one sentence that says what to do."""
    first = error.errors(include_url=False, include_input=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "arguments"
    advice = (arguments.model_fields[name].description or "").rstrip(".") if name in arguments.model_fields else ""
    advice = advice or "look at the tool's schema"
    if first["type"] == "missing":
        return f"{tool} needs {name}: {advice}"
    reason = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{tool} cannot use this {name} ({reason}): {advice}"
