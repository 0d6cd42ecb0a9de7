"""For how long nobody has asked for anything. A sidecar in the background leaves by it."""

import time

from starlette.types import ASGIApp, Receive, Scope, Send

from memories.serving import recognition

# Asking how the sidecar is does not keep it.
UNCOUNTED_PATHS = frozenset(("/healthz", "/readyz", "/metrics", recognition.PATH))


class Idleness:
    """An application, and when it was last of use."""

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
        """Seconds since the last answer; 0 while one is being given."""
        return 0.0 if self._unanswered else time.monotonic() - self._last_used
