"""A decorator for the views of Flask."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from flask import current_app, jsonify, request

from ._caller import Caller
from ._demand import Demand
from ._errors import Refused
from ._verifier import Verifier
from ._wsgi import request_of

__all__ = ["Caller", "caller", "signed_in"]

View = TypeVar("View", bound=Callable[..., Any])


def signed_in(verifier: Verifier, demand: Demand | None = None) -> Callable[[View], View]:
    """Returns a decorator: the view serves only requests with a valid access token that meet the demand."""

    def decorate(view: View) -> View:
        @wraps(view)
        def check(*args: Any, **kwargs: Any) -> Any:
            try:
                verifier.check(request_of(request.environ, request.root_path + request.path), demand or Demand())
            except Refused as refused:
                return jsonify(refused.body), refused.status, refused.headers
            return current_app.ensure_sync(view)(*args, **kwargs)

        return cast(View, check)

    return decorate


def caller() -> Caller:
    """Returns who is calling. Only in a view with the decorator: raises `LookupError` otherwise."""
    found: Caller = request.environ["vestibule_verify.caller"][1]
    return found
