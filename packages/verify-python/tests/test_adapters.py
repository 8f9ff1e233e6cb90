"""What the modules for the frameworks do beyond the examples: middleware, nesting, headers that come twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import django
import pytest
import vestibule_verify.django
import vestibule_verify.fastapi
import vestibule_verify.flask
import vestibule_verify.starlette
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, override_settings
from django.test import Client as DjangoClient
from django.urls import path
from fastapi import Depends, FastAPI
from flask import Flask
from issuer import Issuer
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket
from test_dpop import Client
from vestibule_verify import Caller, Demand, Verifier

Make = Callable[..., Verifier]
Headers = list[tuple[bytes, bytes]]
EDITOR = Demand(role="editor")
BACK_END = "https://api.example.com"


def bearer(token: str) -> Headers:
    """Returns the header of a bearer token."""
    return [(b"authorization", f"Bearer {token}".encode())]


def bound(client: Client, issuer: Issuer, path: str) -> Headers:
    """Returns the headers of a bound token with a proof for a path."""
    token = client.token(issuer, roles=["editor"])
    proof = client.proof(token, htu=BACK_END + path)
    return [(b"authorization", f"DPoP {token}".encode()), (b"dpop", proof.encode())]


def asgi(app: Any, where: str, headers: Headers, kind: str = "http") -> tuple[int, bytes]:
    """Sends a request to an ASGI application, and returns the status and the body."""
    return asyncio.run(exchange(app, where, headers, kind))


async def exchange(app: Any, where: str, headers: Headers, kind: str = "http") -> tuple[int, bytes]:
    """Sends a request to an ASGI application, and returns the status and the body."""
    scope = {
        "type": kind, "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": where, "raw_path": where.encode(), "root_path": "", "query_string": b"", "headers": headers,
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 4), "subprotocols": [], "state": {},
    }  # fmt: skip
    if kind == "websocket":
        del scope["method"]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"} if kind == "websocket" else {"type": "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    if kind == "websocket":
        return (101 if sent[0]["type"] == "websocket.accept" else 403), b""
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@pytest.fixture
def verifier(issuer: Issuer, verifier_of: Make) -> Verifier:
    """A verifier that checks proofs."""
    return verifier_of(issuer.url, public_url=BACK_END)


async def _name(request: Request) -> PlainTextResponse:
    return PlainTextResponse(vestibule_verify.starlette.caller(request).subject)


async def _talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


@pytest.fixture
def starlette_app(verifier: Verifier) -> Starlette:
    """An application that requires users, within it a route that requires editors, and a mount."""
    signed_in = vestibule_verify.starlette.SignedIn
    editors = [Middleware(signed_in, verifier, EDITOR)]
    mounted = Mount("/more", routes=[Route("/reports", _name, middleware=editors)])
    routes = [
        Route("/me", _name),
        Route("/reports", _name, middleware=editors),
        mounted,
        WebSocketRoute("/talk", _talk),
    ]
    return Starlette(routes=routes, middleware=[Middleware(signed_in, verifier)])


def test_a_demand_within_another_uses_no_second_proof(issuer: Issuer, starlette_app: Starlette) -> None:
    for where in ("/reports", "/more/reports"):
        headers = bound(Client(), issuer, where)
        assert asgi(starlette_app, where, headers) == (200, b"jo")
        assert asgi(starlette_app, where, headers)[0] == 401
    assert asgi(starlette_app, "/me", bearer(issuer.token())) == (200, b"jo")
    assert asgi(starlette_app, "/reports", bearer(issuer.token())) == (403, b'{"code":"forbidden"}')
    assert asgi(starlette_app, "/unknown", [])[0] == 401


def test_a_websocket_needs_a_token_as_well(issuer: Issuer, starlette_app: Starlette) -> None:
    assert asgi(starlette_app, "/talk", [], "websocket")[0] == 403
    assert asgi(starlette_app, "/talk", bearer(issuer.token()), "websocket")[0] == 101


def test_a_header_that_comes_twice_is_refused(issuer: Issuer, starlette_app: Starlette) -> None:
    good = bearer(issuer.token())
    assert asgi(starlette_app, "/me", good + good)[0] == 401
    headers = bound(Client(), issuer, "/me")
    assert asgi(starlette_app, "/me", [*headers, headers[1]])[0] == 401
    assert asgi(starlette_app, "/me", headers) == (200, b"jo")


def test_dependencies_of_fastapi_may_be_nested(issuer: Issuer, verifier: Verifier) -> None:
    signed_in = vestibule_verify.fastapi.signed_in
    app = FastAPI(dependencies=[Depends(signed_in(verifier))])

    editor = Depends(signed_in(verifier, EDITOR))

    @app.get("/reports")
    def reports(caller: Caller = editor) -> str:
        return caller.subject

    assert asgi(app, "/reports", bound(Client(), issuer, "/reports")) == (200, b'"jo"')
    assert asgi(app, "/reports", bearer(issuer.token())) == (403, b'{"detail":{"code":"forbidden"}}')
    described = app.openapi()
    assert described["components"]["securitySchemes"]["Vestibule"]["scheme"] == "bearer"
    assert described["paths"]["/reports"]["get"]["security"] == [{"Vestibule": []}]
    assert "parameters" not in described["paths"]["/reports"]["get"]


def test_decorators_of_flask_may_be_nested(issuer: Issuer, verifier: Verifier) -> None:
    app = Flask("app")
    signed_in = vestibule_verify.flask.signed_in

    @app.get("/reports")
    @signed_in(verifier)
    @signed_in(verifier, EDITOR)
    def reports() -> str:
        return vestibule_verify.flask.caller().subject

    def get(headers: Headers) -> tuple[int, str]:
        sent = {name.decode(): value.decode() for name, value in headers}
        answer = app.test_client().get("/reports", headers=sent)
        return answer.status_code, answer.text

    assert get(bound(Client(), issuer, "/reports")) == (200, "jo")
    assert get(bearer(issuer.token()))[0] == 403
    assert get([])[0] == 401


@vestibule_verify.django.public
def _welcome(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("welcome")


def _me(request: HttpRequest) -> HttpResponse:
    return HttpResponse(vestibule_verify.django.caller(request).subject)


async def _me_async(request: HttpRequest) -> HttpResponse:
    return _me(request)


urlpatterns = [
    path("welcome", _welcome),
    path("me", _me),
    path("async", vestibule_verify.django.signed_in()(_me_async)),
    path("orders", vestibule_verify.django.signed_in(Demand(scope="orders"))(_me)),
]


@pytest.fixture
def django_client(issuer: Issuer) -> Iterator[DjangoClient]:
    """A Django project whose middleware requires users."""
    if not settings.configured:
        settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="of a test", ALLOWED_HOSTS=["testserver"])
        django.setup()
    middleware = [
        "django.middleware.csrf.CsrfViewMiddleware",
        "vestibule_verify.django.SignedInMiddleware",
    ]
    with override_settings(MIDDLEWARE=middleware, VESTIBULE={"issuer": issuer.url}):
        yield DjangoClient(enforce_csrf_checks=True)
        vestibule_verify.django.verifier().close()


def test_the_middleware_of_django_requires_users_in_person(issuer: Issuer, django_client: DjangoClient) -> None:
    assert django_client.get("/welcome").content == b"welcome"
    assert django_client.get("/me").status_code == 401
    user = {"Authorization": f"Bearer {issuer.token()}"}
    assert django_client.get("/me", headers=user).content == b"jo"
    # A view with a demand of its own.
    service = {"Authorization": f"Bearer {issuer.token(sid=None, sub='vestibule', scope='orders')}"}
    assert django_client.get("/me", headers=service).status_code == 403
    assert django_client.post("/orders", headers=service).content == b"vestibule"
    assert django_client.post("/orders", headers=user).json() == {"code": "forbidden"}
    # The middleware exempts no view from the check against forgery: it may be used with cookies as well.
    assert django_client.post("/me", headers=user).status_code == 403


@pytest.mark.parametrize("setting", [None, {}, {"issuer": "auth.example.com"}, {"isuer": "https://auth.example.com"}])
def test_unusable_settings_of_django_are_told(django_client: DjangoClient, setting: Any) -> None:
    with override_settings(VESTIBULE=setting), pytest.raises(ImproperlyConfigured, match="VESTIBULE"):
        django_client.get("/me")


Send = Callable[[Headers], Coroutine[Any, Any, int]]


def fastapi_sender(issuer: Issuer, verifier: Verifier) -> Send:
    """Returns what sends a request to a route of FastAPI, and returns the status."""
    app = FastAPI()
    signed_in = Depends(vestibule_verify.fastapi.signed_in(verifier))

    @app.get("/")
    def me(caller: Caller = signed_in) -> str:
        return caller.subject

    return lambda headers: _status(app, headers)


def starlette_sender(issuer: Issuer, verifier: Verifier) -> Send:
    """Returns the same for Starlette."""
    app = Starlette(routes=[Route("/", _name)], middleware=[Middleware(vestibule_verify.starlette.SignedIn, verifier)])
    return lambda headers: _status(app, headers)


async def _status(app: Any, headers: Headers) -> int:
    return (await exchange(app, "/", headers))[0]


def django_sender(issuer: Issuer, verifier: Verifier) -> Send:
    """Returns the same for an asynchronous view of Django."""

    async def send(headers: Headers) -> int:
        sent = {name.decode(): value.decode() for name, value in headers}
        # Django runs synchronous middleware of all requests on one thread.
        with override_settings(MIDDLEWARE=[]):
            client = AsyncClient()
            client.handler.load_middleware(is_async=True)
        return int((await client.get("/async", headers=sent)).status_code)

    return send


@pytest.mark.usefixtures("django_client")
@pytest.mark.parametrize("sender", [fastapi_sender, starlette_sender, django_sender])
def test_requests_that_wait_for_the_service_do_not_hold_up_the_others(
    issuer: Issuer,
    verifier: Verifier,
    sender: Callable[[Issuer, Verifier], Send],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Shorter than the time that a fetch takes until it is given up.
    monkeypatch.setattr("vestibule_verify._keys.PAUSE", 1)
    send = sender(issuer, verifier)
    unknown = bearer(issuer.key.sign(issuer.claims(), kid="unknown"))

    async def measure() -> tuple[float, list[int]]:
        assert await send(bearer(issuer.token())) == 200
        await asyncio.sleep(1)
        issuer.pause_between_bytes = 0.5
        waiting = [asyncio.create_task(send(unknown)) for _ in range(60)]
        await asyncio.sleep(0.3)
        began = time.monotonic()
        assert await send([]) == 401
        assert await send(bearer(issuer.token())) == 200
        took = time.monotonic() - began
        assert not any(task.done() for task in waiting)
        return took, await asyncio.gather(*waiting)

    took, refused = asyncio.run(measure())
    assert took < 1
    assert refused == [503] * 60
