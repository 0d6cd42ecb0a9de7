"""Measures how long the sidecar has been idle, so that one in the background can stop."""

import time

from starlette.types import ASGIApp, Receive, Scope, Send

from memories.serving import recognition

# Health checks, metrics and recognition do not count as use.
UNCOUNTED_PATHS = frozenset(("/healthz", "/readyz", "/metrics", recognition.PATH))


class Idleness:
    """Wraps an ASGI application and records when it last answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._unanswered = 0
        self._last_used = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") in UNCOUNTED_PATHS:
            await self._app(scope, receive, send)
            return
        self._unanswered += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._unanswered -= 1
            self._last_used = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the last answer; 0 while a request is being answered."""
        return 0.0 if self._unanswered else time.monotonic() - self._last_used
