"""What the ASGI frameworks share: how a request reads, and where its caller is."""

from __future__ import annotations

from typing import Any

from starlette.requests import HTTPConnection

from ._caller import Caller
from ._verifier import Request


def request_of(connection: HTTPConnection) -> Request:
    """Returns what the verifier reads of a request."""
    scope: Any = connection.scope
    return Request(
        # A WebSocket begins with a GET (RFC 6455 §4.1).
        method=scope.get("method", "GET"),
        path=scope["path"],
        authorization=_joined(connection, "authorization"),
        proof=_joined(connection, "dpop"),
        memory=scope,
    )


def caller(request: HTTPConnection) -> Caller:
    """Returns who is calling. Only after the check of the request: raises `LookupError` otherwise."""
    found: Caller = request.scope["vestibule_verify.caller"][1]
    return found


def _joined(connection: HTTPConnection, name: str) -> str | None:
    """Several headers of a name are joined, as RFC 9110 §5.3 has it: the result is refused as a token."""
    return ", ".join(connection.headers.getlist(name)) or None
