"""The HTTP server of the sidecar and MCP withstands clients that keep it waiting, over real sockets."""

import resource
import socket
import subprocess
import sys
from asyncio import BaseTransport
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from threading import Event, Thread

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from memories.serving.http_server import MOST_CONNECTIONS, PunctualProtocol, http_server
from tests.conftest import ROOT, sidecar

HEADERS = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n"
LONG_ANSWER = b"x" * 50_000_000


class HastyProtocol(PunctualProtocol):
    header_seconds = 0.3
    body_seconds = 0.3
    unread_seconds = 0.3


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the body; at /long with a long text, and at /early before it has read anything."""
    request = Request(scope, receive)
    answer: Response
    match request.url.path:
        case "/long":
            answer = Response(LONG_ANSWER)
        case "/early":
            answer = PlainTextResponse("who are you?", 401)
        case _:
            answer = Response(await request.body())
    await answer(scope, receive, send)


@contextmanager
def serving(protocol: type[PunctualProtocol]) -> Iterator[int]:
    """Runs a server and yields its port."""
    server = http_server(echo, protocol, lifespan="off", timeout_graceful_shutdown=1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def port() -> Iterator[int]:
    with serving(PunctualProtocol) as number:
        yield number


@pytest.fixture
def hasty_port() -> Iterator[int]:
    with serving(HastyProtocol) as number:
        yield number


@contextmanager
def mcp() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Runs `dreams mcp --http`; yields its process and URL."""
    command = [sys.executable, str(ROOT / "dreams.py"), "mcp", "--http", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process, process.stdout.readline().split()[2]
        finally:
            process.kill()


@pytest.mark.parametrize("serve", [partial(sidecar, "--child"), mcp])
def test_programs_answer_beside_more_half_sent_requests_than_they_have_descriptors(
    serve: Callable[[], AbstractContextManager[tuple[subprocess.Popen[str], str]]],
) -> None:
    with serve() as (process, url), ExitStack() as stack:
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (300, 300))
        for _ in range(320):
            stack.enter_context(connected(httpx.URL(url).port or 0, HEADERS))
        assert httpx.get(url, timeout=30).status_code in (400, 401, 404)


def connected(port: int, sent: bytes) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), timeout=60)
    made.sendall(sent)
    return made


def read_to_end(made: socket.socket) -> bytes:
    received = b""
    while part := made.recv(1 << 20):
        received += part
    return received


@pytest.mark.parametrize("sent", [b"", HEADERS + b"\r\nhalf"])
def test_many_half_sent_requests_keep_nobody_from_an_answer(port: int, sent: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(MOST_CONNECTIONS + 20):
            stack.enter_context(connected(port, sent))
        for _ in range(3):
            assert httpx.post(f"http://127.0.0.1:{port}/", content=b"tea", timeout=30).content == b"tea"


@pytest.mark.parametrize("sent", [b"", b"GET / HTT", HEADERS, HEADERS + b"\r\nhalf"])
def test_a_request_that_does_not_arrive_is_given_up(hasty_port: int, sent: bytes) -> None:
    with connected(hasty_port, sent) as made:
        assert read_to_end(made).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nHost: x\r\nX: ", HEADERS.replace(b"10", b"900000") + b"\r\n"])
def test_a_request_that_drips_is_given_up_too(hasty_port: int, sent: bytes) -> None:
    stopped = Event()
    with connected(hasty_port, sent) as made:
        dripping = Thread(target=drip, args=(made, stopped))
        dripping.start()
        assert read_to_end(made).startswith(b"HTTP/1.1 408 ")
        stopped.set()
        dripping.join()


def drip(made: socket.socket, stopped: Event) -> None:
    while not stopped.wait(0.02):
        try:
            made.sendall(b"x")
        except OSError:
            return


def test_the_second_request_of_a_connection_has_to_arrive_as_well(hasty_port: int) -> None:
    with connected(hasty_port, HEADERS + b"\r\n0123456789GET / HT") as made:
        received = read_to_end(made)
    assert b"0123456789" in received
    assert b" 408 " in received


def test_a_body_that_is_never_sent_ends_after_its_early_answer(hasty_port: int) -> None:
    with connected(hasty_port, HEADERS.replace(b"POST /", b"POST /early") + b"\r\n") as made:
        assert read_to_end(made).startswith(b"HTTP/1.1 401 ")


def test_an_answer_that_nobody_reads_is_given_up(hasty_port: int) -> None:
    with connected(hasty_port, b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n") as made:
        assert is_cut_off(lambda: made.send(b"x"))


def is_cut_off(write: Callable[[], object]) -> bool:
    """Whether the other side closes the connection within a minute of writes."""
    waiting = Event()
    for _ in range(600):
        try:
            write()
        except OSError:
            return True
        waiting.wait(0.1)
    return False


def test_a_slow_but_steady_body_is_taken(hasty_port: int) -> None:
    class SteadyProtocol(HastyProtocol):
        least_bytes_a_second = 1

    with serving(SteadyProtocol) as port, connected(port, HEADERS + b"\r\n") as made:
        for digit in b"0123456789":
            made.sendall(bytes([digit]))
            Event().wait(0.06)
        made.shutdown(socket.SHUT_WR)
        assert read_to_end(made).endswith(b"0123456789")


def test_parts_of_a_stream_do_not_wait_for_one_another() -> None:
    options: list[int] = []

    class NotedProtocol(PunctualProtocol):
        def connection_made(self, transport: BaseTransport) -> None:
            super().connection_made(transport)
            options.append(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    with serving(NotedProtocol) as port:
        httpx.get(f"http://127.0.0.1:{port}/")
    assert options
    assert all(options)
