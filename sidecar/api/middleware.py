"""Middleware that checks requests before the routes: their API key, origin, content type and body size."""

import re

from fastapi import HTTPException, Request
from fastapi.security import HTTPBearer
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memories.serving import recognition
from memories.serving.bearer import is_given
from memories.settings import is_loopback
from sidecar.api import docs
from sidecar.api.routes.failures import failure

BYTES_PER_MEGABYTE = 1024 * 1024
HOST_HEADER = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[0-9a-z.-]+))(?::[0-9]{1,5})?", re.IGNORECASE)
# Sec-Fetch-Site of a request from one of our pages, and of one whose address the user typed.
OWN_SITES = ("same-origin", "none")
# Paths that need no key: health, the API's description, and recognition, which comes before a client sends its key.
OPEN_PATHS = frozenset((recognition.PATH, "/healthz", "/readyz", "/openapi.json", *docs.PATHS))
# Describes the key in OpenAPI; KeyDemanded checks it.
bearer = HTTPBearer(auto_error=False, description="SIDECAR_API_KEY.")


class KeyDemanded:
    """Refuses requests whose bearer token is not the key, except those for OPEN_PATHS."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self.app = app
        self.key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS and not is_given(scope["headers"], self.key):
            message = "Send the header Authorization: Bearer KEY, with the sidecar's API key."
            answer = failure(Request(scope), 401, message, headers={"WWW-Authenticate": "Bearer"})
            await answer(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class ThisMachineOnly:
    """Refuses requests that a web page makes a browser send, when no API key stops them; our own pages may ask.

    A page that gives this machine a DNS name of its own (DNS rebinding) sends that name as Host. For other pages, those
    on another port of this machine included, browsers send the page's Origin, or a Sec-Fetch-Site of another site.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _names_this_machine(scope):
            message = "Send requests to localhost or 127.0.0.1, or set SIDECAR_API_KEY to serve other names."
            await failure(Request(scope), 421, message)(scope, receive, send)
        elif scope["type"] == "http" and _is_of_another_page(scope):
            message = "Send it from a program or a page of this server, or set SIDECAR_API_KEY to allow other pages."
            await failure(Request(scope), 403, message)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _names_this_machine(scope: Scope) -> bool:
    """Whether there is one Host header, and it names this machine."""
    given = _headers(scope, b"host")
    match = HOST_HEADER.fullmatch(given[0]) if len(given) == 1 else None
    return match is not None and is_loopback((match["address"] or match["name"]).lower())


def _is_of_another_page(scope: Scope) -> bool:
    """Whether a browser sends the request for a page of another server; programs name no page."""
    (host,) = _headers(scope, b"host")
    if any(origin.lower() != f"http://{host}".lower() for origin in _headers(scope, b"origin")):
        return True
    is_foreign = any(site not in OWN_SITES for site in _headers(scope, b"sec-fetch-site"))
    return is_foreign and scope["path"] not in OPEN_PATHS


def _headers(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for given, value in scope["headers"] if given == name]


class JsonAssumed:
    """Treats every body as JSON, as Ollama does: `curl -d` declares its body a form."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            others = [header for header in scope["headers"] if header[0] != b"content-type"]
            # In place, not in a copy: `operation.measure` reads the route from the same scope.
            scope["headers"] = [*others, (b"content-type", b"application/json")]
        await self.app(scope, receive, send)


class BodyLimit:
    """Stops reading a body at `limit_bytes`, announced or streamed: the request then fails with status 413."""

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        self.app = app
        self.limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        received_bytes = 0

        async def receive_within_limit() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if max(received_bytes, _announced_bytes(scope)) > self.limit_bytes:
                allowed = self.limit_bytes // BYTES_PER_MEGABYTE
                raise HTTPException(413, f"Send a smaller body: a request may have at most {allowed} MB.")
            return message

        await self.app(scope, receive_within_limit, send)


def _announced_bytes(scope: Scope) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0
