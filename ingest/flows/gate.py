"""Whom Prefect's server answers: those who know its password, and of web pages only its own."""

import base64
import hmac

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingest.flows.sign_in import PAGE, PATH, SCRIPT_SOURCE

FORBIDDEN, UNAUTHORIZED = 403, 401
# What lies beside the interface: all of it needs the password, also what Prefect would tell anyone.
CLOSED = frozenset({"api", "docs", "redoc", "openapi.json", "metrics"})
REFUSALS = {
    FORBIDDEN: "this server answers its own pages only, at the address that `dreams schedule` names",
    UNAUTHORIZED: "the password is missing or wrong: `dreams schedule --open` signs your browser in",
}
# A page that a memory's text gets into can load nothing from elsewhere, run nothing, and be shown in no other page.
POLICY = (
    "default-src 'self'; script-src 'self'{}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
    " font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)
# The graph of a run is drawn by code that it makes while it runs.
HEADERS = {
    "Content-Security-Policy": POLICY.format(" 'unsafe-eval'"),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


class Gate:
    """Stands before Prefect's server, which answers health checks and describes itself without a password."""

    def __init__(self, app: ASGIApp, port: int, password: str) -> None:
        self._app = app
        self._hosts = [f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")]
        self._authorization = b"Basic " + base64.b64encode(password.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            await (self._app(scope, receive, send) if refusal is None else _close(send))
        elif refusal is not None:
            await JSONResponse({"detail": REFUSALS[refusal]}, refusal)(scope, receive, _hardened(send))
        elif scope["path"] == PATH:
            await PAGE(scope, receive, _hardened(send, POLICY.format(f" {SCRIPT_SOURCE}")))
        else:
            await self._app(scope, receive, _hardened(send))

    def _refusal(self, scope: Scope) -> int | None:
        """The status of the refusal, or None for what is let through.

        Prefect itself asks a web socket for the password, in its first message.
        """
        headers = Headers(scope=scope)
        if not self._is_own_page(headers):
            return FORBIDDEN
        if scope["type"] == "websocket" or self._knows_password(headers):
            return None
        if scope["path"].split("/")[1] in CLOSED:
            return UNAUTHORIZED
        return None if scope["method"] in {"GET", "HEAD"} else UNAUTHORIZED

    def _is_own_page(self, headers: Headers) -> bool:
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        return len(hosts) == 1 and hosts[0] in self._hosts and origins in ([], [f"http://{hosts[0]}"])

    def _knows_password(self, headers: Headers) -> bool:
        given = headers.getlist("authorization")
        return len(given) == 1 and hmac.compare_digest(given[0].encode("latin-1"), self._authorization)


async def _close(send: Send) -> None:
    """Refuses a web socket before it opens, which the other side reads as 403."""
    await send({"type": "websocket.close", "code": 1008})


def _hardened(send: Send, policy: str = HEADERS["Content-Security-Policy"]) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(HEADERS | {"Content-Security-Policy": policy})
        await send(message)

    return sent
