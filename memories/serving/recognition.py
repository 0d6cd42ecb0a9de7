"""Lets a client recognise the sidecar of its own DREAMS_HOME before it sends anything: both know that folder's secret.

On every new connection the client sends a random nonce, and the sidecar answers with an HMAC of it under the secret.
The HMAC also covers the address of the connection, so that a sidecar at another address cannot answer for it.
"""

import hmac
import time
from collections.abc import Iterable
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any

import h11
import httpcore
import httpx

from memories.errors import InputError, ModelUnreachable
from memories.serving.own_key import own_key

PATH = "/recognition"
FILE = "sidecar.key"
SECONDS = 5.0
LONGEST_ANSWER_BYTES = 16_384
Address = tuple[str, int]


def secret(home: Path) -> bytes:
    """The secret that the sidecar and the clients of a folder share, created if there is none.

    Raises ModelUnreachable when it cannot be written or read, or when another user could know it.
    """
    try:
        return own_key(home, FILE).encode()
    except InputError as error:
        raise ModelUnreachable(str(error)) from error
    except OSError as error:
        raise ModelUnreachable(f"{home} cannot be written ({error.strerror}): let this user write there") from error


def proof(key: bytes, nonce: str, address: Address) -> str:
    """The hex HMAC-SHA256 by which the sidecar that listens at `address` proves that it holds the key."""
    host, port = address
    return hmac.new(key, f"codex-dreams sidecar\n{nonce}\n{host}\n{port}".encode(), sha256).hexdigest()


class RecognisingTransport(httpx.BaseTransport):
    """Sends requests only to a sidecar that has proved that it holds `key`."""

    def __init__(self, key: bytes) -> None:
        self._pool = httpcore.ConnectionPool(network_backend=RecognisingBackend(key))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        try:
            answer = self._pool.request(
                request.method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.read(),
                extensions=request.extensions,
            )
        except httpcore.TimeoutException as error:
            raise httpx.ReadTimeout(str(error), request=request) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
            raise httpx.ConnectError(str(error), request=request) from error
        return httpx.Response(answer.status, headers=answer.headers, content=answer.content, request=request)

    def close(self) -> None:
        self._pool.close()


class RecognisingBackend(httpcore.NetworkBackend):
    """Opens connections, and closes them unless the other side proves that it holds the key."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._plain.connect_tcp(host, port, timeout, local_address, socket_options)
        with ExitStack() as unless_recognised:
            unless_recognised.callback(stream.close)
            recognise(stream, self._key)
            unless_recognised.pop_all()
        return stream

    def sleep(self, seconds: float) -> None:
        self._plain.sleep(seconds)


def recognise(stream: httpcore.NetworkStream, key: bytes) -> None:
    """Asks the other side for its proof, and leaves the connection ready for a request.

    Raises httpcore's ConnectError when the proof is missing or wrong, and ReadTimeout when it takes too long.
    """
    nonce, address = token_hex(32), stream.get_extra_info("server_addr")[:2]
    try:
        given = _asked(stream, nonce)
    except (h11.ProtocolError, httpcore.NetworkError) as error:
        raise httpcore.ConnectError("what listens there is not the sidecar") from error
    if not hmac.compare_digest(given, proof(key, nonce, address).encode()):
        raise httpcore.ConnectError("what listens there is not the sidecar of this DREAMS_HOME")


def _asked(stream: httpcore.NetworkStream, nonce: str) -> bytes:
    deadline = time.monotonic() + SECONDS
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_ANSWER_BYTES)
    request = h11.Request(method="GET", target=f"{PATH}?nonce={nonce}", headers=[("Host", "localhost")])
    stream.write(connection.send(request) + connection.send(h11.EndOfMessage()), SECONDS)
    body = b""
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            connection.receive_data(stream.read(LONGEST_ANSWER_BYTES, max(deadline - time.monotonic(), 0.001)))
        if isinstance(event, h11.ConnectionClosed) or len(body) > LONGEST_ANSWER_BYTES:
            raise h11.RemoteProtocolError("it gives no proof")
        if isinstance(event, h11.Data):
            body += event.data
        if time.monotonic() > deadline:
            raise httpcore.ReadTimeout("it gives no proof in time")
    return body
