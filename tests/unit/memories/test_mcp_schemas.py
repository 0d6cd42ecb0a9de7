"""Tool schemas compile everywhere, in JavaScript too, and accept values in the forms that assistants send."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs
import pytest
import quickjs
from hypothesis import given
from hypothesis import strategies as st

from memories.mcp.answers import schema_of
from memories.mcp.catalogue import TOOLS
from memories.mcp.tools import Tool

INPUTS: Mapping[str, dict[str, Any]] = {name: tool.arguments.model_json_schema() for name, tool in TOOLS.items()}
SCHEMAS = {
    **{f"{name} takes": schema for name, schema in INPUTS.items()},
    **{f"{name} answers": schema_of(tool.answer) for name, tool in TOOLS.items()},
}
# The longest repetition that llama.cpp's grammars accept.
MOST_REPETITIONS = 2_000
# Core, applicator, validation and meta-data keywords that a strict Ajv of either draft knows.
KEYWORDS = {
    "$defs", "$ref", "additionalProperties", "anyOf", "const", "default", "description", "enum", "items", "maximum",
    "minimum", "pattern", "properties", "propertyNames", "required", "title", "type",
}  # fmt: skip
ID = "1a2b3c4d-0000-4000-8000-000000000000"
EXAMPLES: Mapping[str, Mapping[str, object]] = {
    "store_memory": {"content": "a", "context": "b", "summary": "c", "tags": ["home", "keys"]},
    "store_file": {"file_path": "/a", "context": "b", "summary": "c", "tags": ["home", "keys"]},
    "get_memory": {"id": ID},
    "pin_memory": {"id": ID, "pinned": False},
    "delete_memory": {"id": ID},
    "get_statistics": {},
    "recall_context": {"agent": "ada"},
    "explain_memory": {"id": ID, "query": "key"},
    "ask_memory": {"question": "where is the key?", "tag_filter": ["home"]},
    "search_memory": {
        "query": "key", "tag_filter": ["home", "keys"], "use_tag_embedding": False, "use_content_embedding": False,
        "similarity_threshold": 0.5, "max_results": 5, "search_strategy": "tag-first", "boost_recent": True,
        "tag_weight": 0.25, "content_weight": 1,
    },
}  # fmt: skip
PARAMETERS = [(name, parameter) for name, example in EXAMPLES.items() for parameter in example]
padding = st.text(" \n\t", max_size=3)


def keywords(schema: Any) -> Iterator[tuple[str, Any]]:
    """Every keyword of a schema and of its nested schemas."""
    for keyword, value in schema.items():
        yield keyword, value
        if keyword in ("properties", "$defs"):
            for inner in value.values():
                yield from keywords(inner)
        for inner in value if keyword == "anyOf" else [value]:
            if keyword in ("items", "additionalProperties", "propertyNames", "anyOf") and isinstance(inner, dict):
                yield from keywords(inner)


def written(value: object) -> st.SearchStrategy[object]:
    """The forms in which a value may be sent."""
    forms: list[st.SearchStrategy[object]] = [st.just(value)]
    if isinstance(value, bool):
        spelt = ["true", "True", "TRUE", "yes", "1"] if value else ["false", "False", "no", "0"]
        forms += [st.sampled_from(spelt).flatmap(padded), st.sampled_from([int(value), float(value)])]
    elif isinstance(value, int | float):
        forms += [padded(str(value)), st.just(float(value)), padded(f"{value:.2f}"), padded(f"+{value}")]
    elif isinstance(value, list):
        forms += [
            padded(json.dumps(value)),
            padded(",".join(value)),
            padded(" , ".join(value)),
            padded(",".join(["", *value, ""])),
        ]
        forms += [st.just([*value, ""])]
    elif value == "tag-first":
        forms += [st.sampled_from(["TAG-FIRST", "tag_first", "Tag First"]).flatmap(padded)]
    elif value == ID:
        forms += [st.sampled_from([f"[memory {ID}]", f"memory {ID}"]).flatmap(padded), padded(ID)]
    return st.one_of(forms)


def padded(text: str) -> st.SearchStrategy[object]:
    return st.tuples(padding, padding).map(lambda around: f"{around[0]}{text}{around[1]}")


def taken(tool: Tool, arguments: Mapping[str, object]) -> dict[str, object]:
    return tool.arguments.model_validate(arguments).model_dump()


def test_every_parameter_has_an_example() -> None:
    assert {name: set(schema["properties"]) for name, schema in INPUTS.items() if name != "get_statistics"} == {
        name: set(example) for name, example in EXAMPLES.items() if example
    }


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_a_schema_compiles_everywhere(schema: dict[str, Any]) -> None:
    assert schema["type"] == "object"
    for draft in (jsonschema_rs.Draft7Validator, jsonschema_rs.Draft202012Validator):
        draft(schema, validate_formats=True)
    jsonschema_rs.meta.validate(schema)
    script = quickjs.Context()
    for keyword, value in keywords(schema):
        assert keyword in KEYWORDS, keyword
        if keyword == "pattern":
            for flags in ("", "u"):
                script.eval(f"new RegExp({json.dumps(value)}, {json.dumps(flags)})")
            assert value[0] == "^" and value[-1] == "$" and "(?" not in value and "\\" not in value
            assert all(int(number) < MOST_REPETITIONS for number in re.findall(r"\{(\d+)", value))


def test_a_pattern_that_javascript_does_not_know_is_found() -> None:
    with pytest.raises(quickjs.JSException, match="SyntaxError"):
        quickjs.Context().eval('new RegExp("(?i)^a$", "u")')


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_valid_by_the_schema_and_mean_the_same_however_they_are_written(name: str) -> None:
    tool, example = TOOLS[name], EXAMPLES[name]
    assert jsonschema_rs.is_valid(INPUTS[name], dict(example))
    expected = taken(tool, example)

    @given(arguments=st.fixed_dictionaries({key: written(value) for key, value in example.items()}))
    def mean_the_same(arguments: dict[str, object]) -> None:
        assert taken(tool, {**arguments, "toolCallId": "call_1", "sessionId": {"a": [1]}, "_meta": None}) == expected

    mean_the_same()


@pytest.mark.parametrize(("name", "parameter"), PARAMETERS)
def test_what_is_optional_may_be_left_out_null_or_empty(name: str, parameter: str) -> None:
    tool, example = TOOLS[name], dict(EXAMPLES[name])
    example.pop(parameter)
    for nothing in (None, "", "  "):
        given_nothing = {**example, parameter: nothing}
        if parameter in INPUTS[name].get("required", []):
            with pytest.raises(ValueError, match=r"required|empty|match"):
                taken(tool, given_nothing)
        elif (name, parameter) == ("recall_context", "agent") and nothing is not None:
            assert taken(tool, given_nothing) == {"agent": nothing}
        else:
            assert taken(tool, given_nothing) == taken(tool, example)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_results": "five"}, {"max_results": 5.5}, {"max_results": "5.5"}, {"max_results": True},
        {"max_results": "nan"}, {"max_results": "1e999"}, {"max_results": [5]}, {"tag_weight": "half"},
        {"tag_weight": "inf"}, {"tag_weight": True}, {"boost_recent": 2}, {"boost_recent": "perhaps"},
        {"boost_recent": []}, {"tag_filter": {"home": True}}, {"tag_filter": [1]}, {"tag_filter": '["home"'},
        {"tag_filter": 5}, {"search_strategy": "best"}, {"query": 5}, {"query": ["key"]},
    ],
    ids=str,
)  # fmt: skip
def test_what_could_mean_several_things_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        taken(TOOLS["search_memory"], {"query": "key", **wrong})
