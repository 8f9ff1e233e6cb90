"""What the ASGI frameworks share: how a request reads, and where its caller is."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
from anyio.lowlevel import RunVar
from starlette.requests import HTTPConnection

from ._caller import Caller
from ._demand import Demand
from ._verifier import WAITING_THREADS, Request, Verifier

# Of each event loop.
_waiting: RunVar[anyio.CapacityLimiter] = RunVar("vestibule_verify.waiting")


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


async def check(verifier: Verifier, connection: HTTPConnection, demand: Demand) -> Caller:
    """Returns who is calling. Raises `Refused`.

    Checks run on threads, because they may wait for the service. Those that do have a few threads of their own: they
    would hold all that the framework has, and other requests would wait as well.
    """
    request = request_of(connection)
    limiter = _waiting_threads() if verifier.may_wait(request) else None
    return await anyio.to_thread.run_sync(verifier.check, request, demand, limiter=limiter)


def _waiting_threads() -> anyio.CapacityLimiter:
    try:
        return _waiting.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(WAITING_THREADS)
        _waiting.set(limiter)
        return limiter


def caller(request: HTTPConnection) -> Caller:
    """Returns who is calling. Only after the check of the request: raises `LookupError` otherwise."""
    found: Caller = request.scope["vestibule_verify.caller"][1]
    return found


def _joined(connection: HTTPConnection, name: str) -> str | None:
    """Several headers of a name are joined, as RFC 9110 §5.3 has it: the result is refused as a token."""
    return ", ".join(connection.headers.getlist(name)) or None
