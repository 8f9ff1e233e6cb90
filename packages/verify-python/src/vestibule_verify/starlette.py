"""Middleware for Starlette and other ASGI applications: around an application, a mount or a route."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ._asgi import caller, check
from ._caller import Caller
from ._demand import Demand
from ._errors import Refused
from ._verifier import Verifier

__all__ = ["Caller", "SignedIn", "caller"]


class SignedIn:
    """Serves only requests with a valid access token that meet the demand. `caller(request)` returns who is calling.

    Preflights have no token: `CORSMiddleware` must be around this, not within.
    """

    def __init__(self, app: ASGIApp, verifier: Verifier, demand: Demand | None = None) -> None:
        self._app, self._verifier, self._demand = app, verifier, demand or Demand()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request, or refuses it."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        try:
            await check(self._verifier, HTTPConnection(scope), self._demand)
        except Refused as refused:
            if scope["type"] == "websocket":
                # Before the handshake is accepted: the server answers 403.
                return await send({"type": "websocket.close"})
            return await JSONResponse(refused.body, refused.status, refused.headers)(scope, receive, send)
        await self._app(scope, receive, send)
