"""Protects Prefect's server: requires its password, and refuses requests from web pages other than its own."""

import base64
import hmac

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingest.flows.sign_in import PAGE, PATH, SCRIPT_SOURCE

FORBIDDEN, UNAUTHORIZED = 403, 401
# Paths besides the interface: all of them need the password, even those that Prefect leaves open.
CLOSED = frozenset({"api", "docs", "redoc", "openapi.json", "metrics"})
REFUSALS = {
    FORBIDDEN: "this server answers its own pages only, at the address that `dreams schedule` names",
    UNAUTHORIZED: "the password is missing or wrong: `dreams schedule --open` signs your browser in",
}
# If a memory's text gets into a page as markup, it can load nothing from elsewhere, run nothing, and be framed nowhere.
POLICY = (
    "default-src 'self'; script-src 'self'{}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
    " font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)
# The graph of a run is drawn by code that is generated in the page.
HEADERS = {
    "Content-Security-Policy": POLICY.format(" 'unsafe-eval'"),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


class Gate:
    """ASGI middleware for Prefect's server, which by itself answers health checks and describes itself to anyone."""

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
        """The HTTP status with which a request is refused, or None if it may pass.

        Prefect itself checks the password of a web socket, in its first message.
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
