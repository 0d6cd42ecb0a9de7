"""What a request may be: how large, and from whom."""

from hmac import compare_digest
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sidecar.settings import SidecarSettings

BYTES_PER_MEGABYTE = 1024 * 1024
bearer = HTTPBearer(auto_error=False, description="Needed when SIDECAR_API_KEY is set.")


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


def demand_key(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> None:
    """The bearer token must be the configured key, when there is one."""
    settings: SidecarSettings = request.app.state.settings
    if settings.api_key is None:
        return
    key = settings.api_key.get_secret_value().encode()
    if given is None or not compare_digest(given.credentials.encode("latin-1"), key):
        raise HTTPException(
            401, "Send the header Authorization: Bearer with the sidecar's API key.", {"WWW-Authenticate": "Bearer"}
        )
