"""Dependencies for FastAPI."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Depends, HTTPException
from fastapi import Request as FastAPIRequest
from fastapi.security import HTTPBearer

from ._asgi import check
from ._caller import Caller
from ._demand import Demand
from ._errors import Refused
from ._verifier import Verifier

__all__ = ["Caller", "signed_in"]

# It only makes the page of the API at /docs ask for a token.
_DOCUMENTED = HTTPBearer(auto_error=False, scheme_name="Vestibule", bearerFormat="JWT")


def signed_in(verifier: Verifier, demand: Demand | None = None) -> Callable[..., Coroutine[Any, Any, Caller]]:
    """Returns a dependency, for `Depends`: who is calling. Requests that do not meet the demand are refused."""

    async def caller(request: FastAPIRequest, _documented: object = Depends(_DOCUMENTED)) -> Caller:
        try:
            return await check(verifier, request, demand or Demand())
        except Refused as refused:
            raise HTTPException(refused.status, refused.body, refused.headers) from refused

    return caller
