"""Checks the API key of a request, for the sidecar and for MCP over HTTP."""

from collections.abc import Iterable
from hmac import compare_digest


def is_given(headers: Iterable[tuple[bytes, bytes]], key: str) -> bool:
    """Whether an ASGI request carries `Authorization: Bearer KEY`, once; the scheme may be in any case (RFC 7235)."""
    given = [value for name, value in headers if name == b"authorization"]
    if len(given) != 1:
        return False
    scheme, _, token = given[0].partition(b" ")
    return scheme.lower() == b"bearer" and compare_digest(token.strip(b" "), key.encode())
