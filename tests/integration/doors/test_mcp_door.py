"""Access to `dreams mcp`: its keys, and the files that an assistant may store."""

import json
from pathlib import Path

import httpx
import pytest
from mcp import Client

from memories.mcp.server import AssistantStore, create_server
from memories.serving.own_key import own_key
from tests.assistant import Environment, done, over_http, refused, serving_aloud, stdio, talk
from tests.conftest import new_database

LISTING = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


@pytest.fixture(scope="module")
def environment(server: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return {
        "POSTGRES_DB_URL": new_database(server, migrated_template),
        "DREAMS_HOME": str(tmp_path_factory.mktemp("home")),
        "OLLAMA_URL": "http://127.0.0.1:1",
        "MCP_API_KEY": "",
        "MCP_FILE_ROOTS": "",
    }


def status(url: str, **headers: str) -> int:
    accept = {"Accept": "application/json, text/event-stream"}
    return httpx.post(url, json=LISTING, headers={**accept, **headers}, timeout=20).status_code


def test_without_a_key_of_ones_own_one_is_made_kept_and_printed_and_no_file_is_read(
    environment: Environment, tmp_path: Path
) -> None:
    (tmp_path / "private.txt").write_text("Nobody named this one.")
    with serving_aloud(environment) as (line, further):
        url = line.split()[2]
        further.readline()
        given = json.loads(further.readline())["mcpServers"]["memory"]
        key = given["headers"]["Authorization"].removeprefix("Bearer ")
        assert (given["url"], key) == (url, own_key(Path(environment["DREAMS_HOME"])))
        assert status(url) == 401
        assert status(url, Authorization="Bearer guess") == 401
        assert status(url, Origin=f"http://localhost:{httpx.URL(url).port}") == 401

        async def conversation(client: Client) -> None:
            sentence = await refused(client, "store_file", file_path=str(tmp_path / "private.txt"))
            assert "MCP_FILE_ROOTS" in sentence

        talk(over_http(url, key), conversation)


def test_a_file_is_stored_that_lies_below_a_named_folder(store_url: str, tmp_path: Path) -> None:
    (tmp_path / "named").mkdir()
    (tmp_path / "named" / "note.txt").write_text("A note in the folder that was named.")
    (tmp_path / "private.txt").write_text("Nobody named this one.")

    async def conversation(client: Client) -> None:
        assert (await done(client, "store_file", file_path=f"{tmp_path}/named/note.txt"))["total_chunks"] == 1
        for path in (f"{tmp_path}/private.txt", f"{tmp_path}/named/../private.txt", "/etc/passwd", "/etc/none"):
            assert "not below a folder of MCP_FILE_ROOTS" in await refused(client, "store_file", file_path=path)

    store = AssistantStore([Path("/nowhere"), tmp_path / "named"])
    talk(create_server(store), conversation)
    store.close()


def test_over_standard_input_the_working_folder_may_be_read(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("A note in the folder where the assistant was started.")

    async def conversation(client: Client) -> None:
        await done(client, "store_file", file_path=str(tmp_path / "note.txt"))
        assert "MCP_FILE_ROOTS" in await refused(client, "store_file", file_path="/etc/passwd")

    talk(stdio(environment, str(tmp_path)), conversation)
