"""Helpers for MCP tests: the official client, the servers it talks to, and readers of its answers."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import IO, Any
from zlib import crc32

import anyio
import httpx2
import numpy
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

from tests.conftest import ROOT

DREAMS = [sys.executable, str(ROOT / "dreams.py")]
KEY = "sesame"
Environment = Mapping[str, str]
Talk = Callable[[Client], Awaitable[None]]


def embedded(body: Mapping[str, Any]) -> tuple[int, dict[str, object]]:
    """The answer of a small embedder, to which texts with the same words are similar."""
    vectors = []
    for text in body["input"]:
        vector = numpy.full(384, 0.001)
        for word in re.findall(r"\w+", text.lower()):
            vector[crc32(word.encode()) % 384] += 1
        vectors.append((vector / numpy.linalg.norm(vector)).tolist())
    return 200, {"model": body["model"], "embeddings": vectors}


@contextmanager
def serving(environment: Environment, *arguments: str) -> Iterator[str]:
    """Runs `dreams mcp --http` in a separate process and yields its URL."""
    with serving_aloud(environment, *arguments) as (line, _):
        yield line.split()[2]


@contextmanager
def serving_aloud(environment: Environment, *arguments: str) -> Iterator[tuple[str, IO[str]]]:
    """Runs `dreams mcp --http`; yields the first line that it prints, and the stream of the rest."""
    process = subprocess.Popen(
        [*DREAMS, "mcp", "--http", "--port", "0", *arguments],
        env={**os.environ, **environment}, cwd="/", stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("Memories at http"), line
        yield line, process.stdout
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        process.stdout.close()


@asynccontextmanager
async def over_http(url: str, key: str = KEY) -> AsyncIterator[Any]:
    """Opens the official client's streams to a server that requires a key."""
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as http_client,
        streamable_http_client(url, http_client=http_client) as streams,
    ):
        yield streams


def stdio(environment: Environment, folder: str = "/") -> StdioServerParameters:
    return StdioServerParameters(command=DREAMS[0], args=[*DREAMS[1:], "mcp"], env=dict(environment), cwd=folder)


def talk(server: Any, conversation: Talk, mode: str = "auto") -> None:
    """Runs a conversation with the server at a URL, or over another transport."""
    failures: list[AssertionError] = []

    async def connected() -> None:
        with anyio.fail_after(60):
            way = over_http(server) if isinstance(server, str) else server
            async with Client(way, mode=mode) as client:
                try:
                    await conversation(client)
                except AssertionError as failure:
                    # Raised outside the task groups, which would wrap it.
                    failures.append(failure)

    anyio.run(connected)
    if failures:
        raise failures[0]


def said(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if block.type == "text")


async def done(client: Client, tool: str, **arguments: object) -> Any:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, said(result)
    return result.structured_content


async def refused(client: Client, tool: str, **arguments: object) -> str:
    result = await client.call_tool(tool, arguments)
    sentence = said(result)
    assert result.is_error, sentence
    assert "\n" not in sentence and sentence.endswith("."), sentence
    return sentence
