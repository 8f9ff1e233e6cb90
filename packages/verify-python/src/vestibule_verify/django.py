"""A decorator for the views of Django, and middleware for all of them. The setting `VESTIBULE` has the verifier's."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, wraps
from inspect import iscoroutinefunction
from typing import Any, TypeVar, cast

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from ._caller import Caller
from ._demand import Demand
from ._errors import Refused
from ._verifier import WAITING_THREADS, Request, Verifier
from ._wsgi import request_of

__all__ = ["Caller", "SignedInMiddleware", "caller", "public", "signed_in"]

View = TypeVar("View", bound=Callable[..., Any])

# Of their own: checks that wait would hold all threads of asynchronous views, and other requests would wait as well.
_waiting_threads = ThreadPoolExecutor(WAITING_THREADS, "vestibule-waiting")


@lru_cache(maxsize=1)
def verifier() -> Verifier:
    """Returns the verifier of the project, which the setting `VESTIBULE` describes: `{"issuer": …, "audience": …}`.

    Raises `ImproperlyConfigured`.
    """
    try:
        return Verifier(**settings.VESTIBULE)
    except (AttributeError, TypeError, ValueError) as error:
        raise ImproperlyConfigured(f"VESTIBULE: {error}") from error


@receiver(setting_changed)
def _forget_verifier(setting: str, **_more: Any) -> None:
    """Tests change settings."""
    if setting == "VESTIBULE":
        verifier.cache_clear()


def signed_in(demand: Demand | None = None) -> Callable[[View], View]:
    """Returns a decorator: the view serves only requests with a valid access token that meet the demand."""

    def decorate(view: View) -> View:
        if iscoroutinefunction(view):

            @wraps(view)
            async def check_async(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
                # On a thread, because it may wait for the service.
                waits = verifier().may_wait(_request_of(request))
                executor = _waiting_threads if waits else None
                refusal = await sync_to_async(_refusal, thread_sensitive=False, executor=executor)(request, demand)
                return refusal or await view(request, *args, **kwargs)

            return cast("View", _checked(check_async))

        @wraps(view)
        def check(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return _refusal(request, demand) or view(request, *args, **kwargs)

        return cast("View", _checked(check))

    return decorate


def public(view: View) -> View:
    """Exempts a view from `SignedInMiddleware`."""
    view.without_signed_in_middleware = True  # type: ignore[attr-defined]
    return view


class SignedInMiddleware:
    """Requires a user in person for all views, except those that are `public` or have a demand of their own."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        # A wrong setting is told at the start, not to the first user.
        verifier()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serves a request."""
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        """Refuses a request, or lets its view serve it."""
        return None if getattr(view, "without_signed_in_middleware", False) else _refusal(request, None)


def caller(request: HttpRequest) -> Caller:
    """Returns who is calling. Only after the check of the request: raises `LookupError` otherwise."""
    found: Caller = request.META["vestibule_verify.caller"][1]
    return found


def _refusal(request: HttpRequest, demand: Demand | None) -> HttpResponse | None:
    try:
        verifier().check(_request_of(request), demand or Demand())
    except Refused as refused:
        return JsonResponse(refused.body, status=refused.status, headers=refused.headers)
    return None


def _request_of(request: HttpRequest) -> Request:
    return request_of(request.META, request.path)


def _checked(view: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a view that checks access tokens by itself."""
    # A browser does not send an access token by itself, so cross-site request forgery is not possible.
    view.csrf_exempt = True  # type: ignore[attr-defined]
    return public(view)
