"""Who is calling, as the access token says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ._json import as_object, is_number, is_texts
from ._tokens import InvalidToken

# A user in person, in the deployment's own client; an application that a user allowed something; a service; the script
# of a user with an API key.
Kind = Literal["user", "application", "service", "api_key"]


@dataclass(frozen=True)
class Caller:
    """Who is calling. All of it is as of the time at which the token was issued."""

    #: Who it is.
    kind: Kind
    #: The user's id, which never changes. In the token of a service, the id of the service.
    subject: str
    #: The client that the token was issued to.
    client_id: str
    #: The session. `None` if a service is calling, or the script of a user with an API key.
    session_id: str | None
    #: `aal2` if two different factors were verified, `aal1` if one was. `None` without a session.
    acr: str | None
    #: Which factors they were.
    amr: tuple[str, ...]
    #: When the strongest of them was last given, in seconds since 1970. `None` without a session.
    auth_time: float | None
    #: The roles of the user.
    roles: frozenset[str]
    #: What these roles mean.
    permissions: frozenset[str]
    #: What an application, a service or a script may do. Empty in the tokens of the deployment's own client.
    scopes: frozenset[str]
    #: What back ends keep about the user. None of its members is a claim of the token, whatever its name.
    app: Mapping[str, Any]
    #: The thumbprint of the key that the token is bound to (RFC 9449). `None` in a bearer token.
    key: str | None
    #: All claims of the token.
    claims: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, claims: Mapping[str, Any]) -> Caller:
        """Reads the claims of a token. Raises `InvalidToken` if one is of the wrong type."""
        auth_time = claims.get("auth_time")
        if auth_time is not None and not is_number(auth_time):
            raise InvalidToken("auth_time is not a number")
        return cls(
            kind=_kind(claims),
            subject=_text(claims, "sub"),
            client_id=_text(claims, "client_id"),
            session_id=_text(claims, "sid") if "sid" in claims else None,
            acr=_text(claims, "acr") if "acr" in claims else None,
            amr=tuple(_texts(claims, "amr")),
            auth_time=auth_time,
            roles=frozenset(_texts(claims, "roles")),
            permissions=frozenset(_texts(claims, "permissions")),
            scopes=frozenset(_text(claims, "scope").split() if "scope" in claims else ()),
            app=_object(claims, "app"),
            key=_text(_object(claims, "cnf"), "jkt") if "cnf" in claims else None,
            claims=claims,
        )


def _kind(claims: Mapping[str, Any]) -> Kind:
    # The own client's tokens have no scope, and need none.
    if "sid" in claims:
        return "application" if "scope" in claims else "user"
    return "service" if claims.get("sub") == claims.get("client_id") else "api_key"


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        raise InvalidToken(f"{name} is not a text")
    return value


def _texts(claims: Mapping[str, Any], name: str) -> list[str]:
    value = claims.get(name, [])
    if not is_texts(value):
        raise InvalidToken(f"{name} is not a list of texts")
    return value


def _object(claims: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = as_object(claims.get(name, {}))
    if value is None:
        raise InvalidToken(f"{name} is not an object")
    return value
