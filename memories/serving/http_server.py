"""An HTTP server that times out slow clients and bounds the number of connections."""

import socket
from asyncio import BaseTransport, TimerHandle, Transport
from typing import Any, Literal, cast

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 128
# Connections accepted at once, before any is counted: a process has about 1,000 descriptors, on some systems 256.
BACKLOG = 64
LATE = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class PunctualProtocol(H11Protocol):
    """HTTP on one connection, which it closes when a request arrives too slowly.

    Above MOST_CONNECTIONS, closes the connection that was silent longest, but none that waits for its answer; if all
    others do, the new one.
    """

    header_seconds = 10.0
    """Time for the headers, from the opening of the connection or the first byte of a later request."""
    body_seconds = 20.0
    """Time for the body, plus one second for each `least_bytes_a_second` received."""
    least_bytes_a_second = 20_000
    """The slowest rate at which a body may arrive."""
    unread_seconds = 60.0
    """Time for which a response waits for a client that does not read."""

    _deadline: TimerHandle | None = None
    _unread: TimerHandle | None = None
    _phase: Literal["headers", "body", None] = None
    _phase_began = 0.0
    _phase_bytes = 0
    last_heard = 0.0

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(cast(Transport, transport))
        # asyncio sets it only on sockets that name their protocol; without it each part of a stream waits for the last.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.last_heard = self.loop.time()
        self._enter("headers")
        if len(self.connections) > MOST_CONNECTIONS:
            self._make_room()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        for timer in (self._deadline, self._unread):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        self.last_heard = self.loop.time()
        self._phase_bytes += len(data)
        super().data_received(data)

    def handle_events(self) -> None:
        super().handle_events()
        self.last_heard = self.loop.time()
        self._enter(self._expected())

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(self.unread_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()

    @property
    def is_being_answered(self) -> bool:
        """Whether the request has arrived and its response is not complete."""
        return self._phase is None and self.cycle is not None and not self.cycle.response_complete

    def _expected(self) -> Literal["headers", "body", None]:
        """The part of a request that is still arriving; None between requests, and while one is answered."""
        if self.conn.their_state is h11.SEND_BODY:
            return "body"
        return "headers" if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0] else None

    def _enter(self, phase: Literal["headers", "body", None]) -> None:
        if phase == self._phase:
            return
        self._phase, self._phase_began, self._phase_bytes = phase, self.loop.time(), 0
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_at(self._limit(), self._look) if phase else None

    def _limit(self) -> float:
        if self._phase == "headers":
            return self._phase_began + self.header_seconds
        return self._phase_began + self.body_seconds + self._phase_bytes / self.least_bytes_a_second

    def _look(self) -> None:
        """Closes the connection after its deadline; time in which reading is paused does not count."""
        if self.flow.read_paused:
            self._phase_began = self.loop.time()
        if self.loop.time() < self._limit():
            self._deadline = self.loop.call_at(self._limit(), self._look)
        else:
            self._give_up()

    def _give_up(self) -> None:
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(LATE)
        self.transport.close()

    def _make_room(self) -> None:
        others = [other for other in self.connections if isinstance(other, PunctualProtocol) and other is not self]
        idle = [other for other in others if not other.is_being_answered]
        silent = min(idle, key=lambda other: other.last_heard, default=self)
        self.connections.discard(silent)
        silent.transport.abort()


def http_server(app: ASGIApp, protocol: type[PunctualProtocol] = PunctualProtocol, **options: Any) -> uvicorn.Server:
    """A server for an ASGI application; `options` are uvicorn's."""
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        backlog=BACKLOG,
        log_level="warning",
        access_log=False,
        server_header=False,
        **options,
    )
    return uvicorn.Server(config)
