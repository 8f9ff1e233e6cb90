"""What a route demands of its caller, beside a valid token."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from ._caller import Caller, Kind
from ._errors import Refused

# What a scope may have (RFC 6749 §3.3): it is in quotes in the challenge.
_WORD = re.compile(r"[!#-\[\]-~]+")


class _Nothing(tuple[Any, ...]):
    """What a member has that was not given. An empty list is a mistake, such as a variable without a value."""


_NOTHING = _Nothing()


@dataclass(frozen=True)
class Demand:
    """What a route demands of its caller. All of it must be so; where several words are given, all of these.

    Raises `ValueError` if it is not usable. `role=None` or `role=[]`, from a variable that is not set, would open the
    route to all users.
    """

    #: Roles of the user.
    role: str | Iterable[str] = _NOTHING
    #: Permissions of the user, by their roles.
    permission: str | Iterable[str] = _NOTHING
    #: What applications, services and scripts must have been allowed. A user in person has no scopes, and needs none.
    scope: str | Iterable[str] = _NOTHING
    #: Who may call. By default a user in person; or, with a scope, applications, services and scripts.
    kinds: Iterable[Kind] = _NOTHING
    #: How many factors the user proved, `aal2` being two.
    acr: Literal["aal1", "aal2"] | None = None
    #: A kind of proof, such as `pop`, a passkey.
    amr: str | Iterable[str] = _NOTHING
    #: How many seconds ago at most, a whole number. Demands two factors too, unless `acr` says otherwise.
    max_age: int | None = None

    def __post_init__(self) -> None:
        """Checks the demand, and fills in what follows from its other members."""
        for name in ("role", "permission", "scope", "amr", "kinds"):
            object.__setattr__(self, name, _words(name, getattr(self, name)))
        if not self.kinds:
            object.__setattr__(self, "kinds", ("application", "service", "api_key") if self.scope else ("user",))
        if not set(self.kinds) <= set(get_args(Kind)):
            raise ValueError(f"kinds must be of {', '.join(get_args(Kind))}: {self.kinds!r}")
        # A scope that no caller is asked for would protect nothing.
        if self.scope and set(self.kinds) == {"user"}:
            raise ValueError("users in person have no scope")
        # What a user allowed an application is in its scopes and nowhere else.
        if not self.scope and "application" in self.kinds:
            raise ValueError("applications need a scope")
        # `True` is an `int`. No proof is older than NaN or infinity.
        if self.max_age is not None and (type(self.max_age) is not int or self.max_age <= 0):
            raise ValueError(f"max_age must be a whole number of seconds: {self.max_age!r}")
        if self.acr not in (None, "aal1", "aal2"):
            raise ValueError(f"acr must be aal1 or aal2: {self.acr!r}")
        if self.acr is None and self.max_age is not None:
            object.__setattr__(self, "acr", "aal2")

    def check(self, caller: Caller) -> None:
        """Raises `Refused` if a caller does not meet the demand."""
        if caller.kind not in self.kinds:
            raise Refused("forbidden", f"this is not for the kind {caller.kind}")
        if caller.kind != "user" and not caller.scopes.issuperset(self.scope):
            raise Refused("insufficient_scope", "a scope is missing", {"scope": " ".join(self.scope)})
        # Before the role: the service withholds roles that require a second factor until there is one.
        self._check_proof(caller)
        if not caller.roles.issuperset(self.role):
            raise Refused("forbidden", "a role is missing")
        if not caller.permissions.issuperset(self.permission):
            raise Refused("forbidden", "a permission is missing")

    def _check_proof(self, caller: Caller) -> None:
        if self.acr is None and not self.amr:
            return
        # A service or a script has no user who could give a proof, so a challenge would not help it.
        if caller.session_id is None:
            raise Refused("forbidden", "this is for a user in person")
        is_strong = caller.acr == "aal2" if self.acr == "aal2" else caller.acr is not None
        is_fresh = self.max_age is None or time.time() - (caller.auth_time or 0) <= self.max_age
        if not (is_strong and is_fresh and set(caller.amr).issuperset(self.amr)):
            raise Refused("insufficient_user_authentication", "a step-up is needed", self._wanted())

    def _wanted(self) -> dict[str, Any]:
        """Returns what a step-up has to give (RFC 9470 §3). `amr` is in the body only: no parameter has it."""
        wanted: dict[str, Any] = {}
        if self.acr == "aal2":
            wanted["acr_values"] = "aal2"
        if self.max_age is not None:
            wanted["max_age"] = self.max_age
        if self.amr:
            wanted["amr"] = list(self.amr)
        return wanted


def _words(name: str, value: object) -> tuple[str, ...]:
    """Returns one word or several as a tuple."""
    if isinstance(value, _Nothing):
        return value
    if isinstance(value, str):
        value = (value,)
    if isinstance(value, Iterable):
        words = tuple(cast("Iterable[object]", value))
        if words and all(isinstance(word, str) and _WORD.fullmatch(word) for word in words):
            return cast("tuple[str, ...]", words)
    raise ValueError(f"{name} must be a word or several: {value!r}")
