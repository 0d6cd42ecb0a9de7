"""The MCP tools' descriptions and schemas, and the resources and prompts that need no tool."""

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import anyio
import jsonschema_rs
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from memories.embedding.servers import hold
from memories.mcp.server import AssistantStore, create_server
from memories.postgres.database import connect
from memories.quoting.handed_out import with_citations
from memories.settings import settings
from tests.assistant import done, said, talk
from tests.conftest import forget_settings


@pytest.fixture
def store(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AssistantStore]:
    """A store whose model never answers, as another process seems to be starting it."""
    monkeypatch.setenv("DREAMS_HOME", str(tmp_path))
    monkeypatch.setenv("SIDECAR_PORT", "1")
    forget_settings()
    lock = hold(settings())
    assert lock is not None
    opened = AssistantStore([tmp_path])
    yield opened
    opened.close()


def test_a_search_does_not_wait_for_the_model_and_says_so(store: AssistantStore) -> None:
    async def conversation(client: Client) -> None:
        stored = await done(client, "store_memory", content="The spare key hangs behind the clock.")
        with anyio.fail_after(30):
            answer = await client.call_tool("search_memory", {"query": "spare key"})
        data = answer.structured_content
        assert [each["id"] for each in data["results"]] == [stored["id"]]
        assert data["method"] == "words" and "the model is being started" in data["note"]
        assert data["note"] in said(answer)

    talk(create_server(store), conversation)


def test_every_answer_is_valid_by_the_schema_that_was_told(store: AssistantStore, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("A note about the orchard.")

    async def conversation(client: Client) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        stored = await done(client, "store_memory", content="The spare key hangs behind the clock.")
        calls = {
            "store_memory": {"content": "The boat lies on the slip."}, "search_memory": {"query": "key boat"},
            "get_memory": {"id": stored["id"]}, "pin_memory": {"id": stored["id"]}, "get_statistics": {},
            "store_file": {"file_path": str(tmp_path / "note.txt")}, "recall_context": {},
            "explain_memory": {"id": stored["id"], "query": "key"}, "ask_memory": {"question": "where is the key?"},
            "delete_memory": {"id": stored["id"]},
        }  # fmt: skip
        assert calls.keys() == tools.keys()
        for name, arguments in calls.items():
            answer = await done(client, name, **arguments)
            schema = tools[name].output_schema
            jsonschema_rs.validate(schema, answer)
            assert set(schema.get("required", [])) == (set(answer) if "properties" in schema else set())

    talk(create_server(store), conversation)


def test_tools_say_what_they_do_to_memories(store: AssistantStore) -> None:
    async def conversation(client: Client) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        hints = {name: tool.annotations for name, tool in tools.items()}
        reading = {name for name, hint in hints.items() if hint.read_only_hint}
        assert tools.keys() - reading == {"store_memory", "store_file", "pin_memory", "delete_memory"}
        assert [name for name, hint in hints.items() if hint.destructive_hint] == ["delete_memory"]
        assert {name for name, hint in hints.items() if not hint.idempotent_hint} == {"store_memory", "store_file"}
        assert not any(hint.open_world_hint for hint in hints.values())
        assert all(tool.title and tool.title == tool.annotations.title for tool in tools.values())

    talk(create_server(store), conversation)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_memories_are_read_as_resources_and_a_prompt_begins_a_session(store: AssistantStore, mode: str) -> None:
    async def conversation(client: Client) -> None:
        stored = await done(client, "store_memory", content=f"The {mode} key hangs behind the clock.")
        (resource,) = (await client.list_resources()).resources
        (template,) = (await client.list_resource_templates()).resource_templates
        (context,) = (await client.read_resource(resource.uri)).contents
        assert re.match("0 memories in mind, 0 recent episodes", context.text)
        (memory,) = (await client.read_resource(template.uri_template.replace("{id}", stored["id"]))).contents
        with connect() as connection:
            assert with_citations(connection, memory.text)[0] == f"[memory {stored['id'][:8]}]"
        for uri in (template.uri_template.replace("{id}", str(uuid4())), "memory://elsewhere", "file:///etc/passwd"):
            with pytest.raises(MCPError, match=r"names no memory|there is no resource"):
                await client.read_resource(uri)
        (prompt,) = (await client.list_prompts()).prompts
        begun = await client.get_prompt(prompt.name, {"topic": f"{mode} key"})
        assert f"The {mode} key hangs" in begun.messages[0].content.text
        assert "memories in mind" in (await client.get_prompt(prompt.name)).messages[0].content.text
        with pytest.raises(MCPError, match="there is no prompt"):
            await client.get_prompt("end_session")

    talk(create_server(store), conversation, mode)
