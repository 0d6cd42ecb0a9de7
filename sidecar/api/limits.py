"""What a request may be: how large, and from whom. It is looked at before anything of its body is read."""

import re

from fastapi import HTTPException, Request
from fastapi.security import HTTPBearer
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memories.serving import recognition
from memories.serving.bearer import is_given
from memories.settings import is_loopback
from sidecar.api import docs
from sidecar.api.errors import failure

BYTES_PER_MEGABYTE = 1024 * 1024
HOST_HEADER = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[0-9a-z.-]+))(?::[0-9]{1,5})?", re.IGNORECASE)
# What a browser says of a request for a page of ours, and of one that its user typed.
OWN_SITES = ("same-origin", "none")
# What needs no key: health, how to ask, and what a client asks before it tells the key.
OPEN_PATHS = frozenset((recognition.PATH, "/healthz", "/readyz", "/openapi.json", *docs.PATHS))
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
    """Refuses what a web page can make a browser send here, where no API key stops it; only our own pages may ask.

    By DNS a page may give this machine a name of its own: its requests carry that name as their Host. Without, browsers
    name the page's Origin, another port of this machine included, or say by Sec-Fetch-Site that it is another's.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not names_this_machine(scope):
            message = "Ask for localhost or 127.0.0.1, or set SIDECAR_API_KEY to serve other names."
            await failure(Request(scope), 421, message)(scope, receive, send)
        elif scope["type"] == "http" and is_of_another_page(scope):
            message = "Ask from a program, or from a page of this server: no other page is answered without a key."
            await failure(Request(scope), 403, message)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def names_this_machine(scope: Scope) -> bool:
    """Whether there is one Host header, and it names this machine."""
    given = headers(scope, b"host")
    match = HOST_HEADER.fullmatch(given[0]) if len(given) == 1 else None
    return match is not None and is_loopback((match["address"] or match["name"]).lower())


def is_of_another_page(scope: Scope) -> bool:
    """Whether a browser sends it for a page that this server did not give: programs name no page."""
    (host,) = headers(scope, b"host")
    if any(origin.lower() != f"http://{host}".lower() for origin in headers(scope, b"origin")):
        return True
    is_foreign = any(site not in OWN_SITES for site in headers(scope, b"sec-fetch-site"))
    return is_foreign and scope["path"] not in OPEN_PATHS


def headers(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for given, value in scope["headers"] if given == name]


class JsonAssumed:
    """Takes every body for JSON, as Ollama does: curl says that what `-d` gives it is a form."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            others = [header for header in scope["headers"] if header[0] != b"content-type"]
            # In the scope itself: whoever measures the request reads its route there.
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
            if max(received_bytes, announced_bytes(scope)) > self.limit_bytes:
                allowed = self.limit_bytes // BYTES_PER_MEGABYTE
                raise HTTPException(413, f"Send less at once: a request may have {allowed} MB.")
            return message

        await self.app(scope, receive_within_limit, send)


def announced_bytes(scope: Scope) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0
