"""Who is calling, as the access token says, and what a route demands of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ._errors import Refused, challenge, unauthorized
from ._json import as_object, is_number, is_texts
from ._tokens import InvalidToken


@dataclass(frozen=True)
class Caller:
    """Who is calling. All of it is as of the time at which the token was issued."""

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


@dataclass(frozen=True)
class Demand:
    """What a route demands of its caller, beside a valid token. All of it must be so."""

    #: A role of the user, or else 403.
    role: str | None = None
    #: A permission of the user, or else 403.
    permission: str | None = None
    #: A scope of the token, or else 403.
    scope: str | None = None
    #: Whether a user in person must be calling: no service, and no script with an API key. Or else 403.
    in_person: bool = False
    #: How many factors were verified, `aal2` being two. Or else 401, for a step-up (RFC 9470).
    acr: Literal["aal1", "aal2"] | None = None
    #: How old the proof may be, in seconds. Or else 401, for a step-up (RFC 9470).
    max_age: int | None = None

    def check(self, caller: Caller) -> None:
        """Raises `Refused` if a caller does not meet the demand."""
        if self.in_person and caller.session_id is None:
            raise Refused(403, "no user in person is calling")
        scheme = "Bearer" if caller.key is None else "DPoP"
        if self.scope is not None and self.scope not in caller.scopes:
            header = challenge(scheme, error="insufficient_scope", scope=self.scope)
            raise Refused(403, f"the scope {self.scope} is missing", {"WWW-Authenticate": header})
        # Before the role: the service withholds roles that require a second factor until there is one.
        if not self._is_proved(caller):
            raise unauthorized("a step-up is needed", scheme, **self._step_up())
        if self.role is not None and self.role not in caller.roles:
            raise Refused(403, f"the role {self.role} is missing")
        if self.permission is not None and self.permission not in caller.permissions:
            raise Refused(403, f"the permission {self.permission} is missing")

    def _is_proved(self, caller: Caller) -> bool:
        levels = {"aal1": 1, "aal2": 2}
        enough = self.acr is None or levels.get(caller.acr or "", 0) >= levels[self.acr]
        if self.max_age is None:
            return enough
        return enough and caller.auth_time is not None and time.time() - caller.auth_time <= self.max_age

    def _step_up(self) -> dict[str, str]:
        parameters = {"error": "insufficient_user_authentication"}
        if self.acr is not None:
            parameters["acr_values"] = self.acr
        if self.max_age is not None:
            parameters["max_age"] = str(self.max_age)
        return parameters
