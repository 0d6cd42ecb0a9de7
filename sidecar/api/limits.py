"""What a request may be: how large, and from whom. It is looked at before anything of its body is read."""

import re

from fastapi import HTTPException, Request
from fastapi.security import HTTPBearer
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memories import recognition
from memories.bearer import is_given
from memories.settings import is_loopback
from sidecar.api.errors import failure

BYTES_PER_MEGABYTE = 1024 * 1024
HOST = r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[0-9a-z.-]+))(?::[0-9]{1,5})?"
HOST_HEADER = re.compile(HOST, re.IGNORECASE)
ORIGIN_HEADER = re.compile(f"https?://{HOST}", re.IGNORECASE)
# What needs no key: health, how to ask, and what a client asks before it tells the key.
OPEN_PATHS = frozenset(
    (recognition.PATH, "/healthz", "/readyz", "/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc")
)
# Tells OpenAPI of the key; KeyDemanded looks at it.
bearer = HTTPBearer(auto_error=False, description="SIDECAR_API_KEY.")


class KeyDemanded:
    """Refuses a request for anything but OPEN_PATHS whose bearer token is not the key."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self.app = app
        self.key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS and not is_given(scope["headers"], self.key):
            message = "Send the header Authorization: Bearer with the sidecar's API key."
            answer = failure(Request(scope), 401, message, headers={"WWW-Authenticate": "Bearer"})
            await answer(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class ThisMachineOnly:
    """Refuses what a web page of another site can make a browser send here, where no API key stops it.

    By DNS a page may give this machine a name of its own: its requests carry that name as their Host. Without, its
    requests carry its Origin.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not every(scope, b"host", HOST_HEADER, at_least=1):
            message = "Ask for localhost or 127.0.0.1, or set SIDECAR_API_KEY to serve other names."
            await failure(Request(scope), 421, message)(scope, receive, send)
        elif scope["type"] == "http" and not every(scope, b"origin", ORIGIN_HEADER, at_least=0):
            message = "Ask from a page of this machine: without SIDECAR_API_KEY no other site is answered."
            await failure(Request(scope), 403, message)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def every(scope: Scope, header: bytes, form: re.Pattern[str], at_least: int) -> bool:
    """Whether a header is there often enough, and names this machine each time."""
    given = [value.decode("latin-1") for name, value in scope["headers"] if name == header]
    found = [form.fullmatch(value) for value in given]
    local = [match for match in found if match and is_loopback((match["address"] or match["name"]).lower())]
    return len(given) >= at_least and len(local) == len(given)


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
            if max(received_bytes, announced_bytes(scope)) > self.limit_bytes:
                allowed = self.limit_bytes // BYTES_PER_MEGABYTE
                raise HTTPException(413, f"Send less at once: a request may have {allowed} MB.")
            return message

        await self.app(scope, receive_within_limit, send)


def announced_bytes(scope: Scope) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0
