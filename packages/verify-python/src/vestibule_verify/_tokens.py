"""Checks of the JWTs that the service signs: access tokens, and the list of ended sessions."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import jwt

from ._json import is_number
from ._keys import Keys

# Between the clocks of the service and of the back end, in seconds.
LEEWAY = 5
# What the service signs with. A symmetric algorithm would make the public keys secrets (RFC 8725 §3.1).
ALGORITHMS = ("ES256", "EdDSA", "RS256")


class InvalidToken(Exception):
    """A token is not what it has to be. The text says why."""


@dataclass(frozen=True)
class Profile:
    """What is expected of a kind of token."""

    typ: str
    required: tuple[str, ...]


# RFC 9068 §2.2 requires all but `nbf`, and §4 names the type.
ACCESS_TOKEN = Profile("at+jwt", ("iss", "sub", "aud", "client_id", "exp", "iat", "nbf", "jti"))
ENDED_SESSIONS = Profile("ended+jwt", ("iss", "iat", "exp"))


class Reader:
    """Verifies the tokens of one issuer.

    `algorithms`: those that may have signed. The token's own `alg` is the attacker's choice.
    """

    def __init__(self, issuer: str, algorithms: tuple[str, ...], keys: Keys) -> None:
        self._issuer, self._algorithms, self._keys = issuer, list(algorithms), keys

    def read(self, token: str, profile: Profile, audience: str | None = None) -> dict[str, Any]:
        """Returns the claims. Raises `InvalidToken`, `KeysUnavailable`."""
        try:
            key = self._key_of(jwt.get_unverified_header(token), profile)
            # The times are checked below: PyJWT reads digits in quotes as a number.
            options: Any = {"require": list(profile.required)} | dict.fromkeys(
                ("verify_exp", "verify_nbf", "verify_iat"), False
            )
            claims: dict[str, Any] = jwt.decode(
                token, key, algorithms=self._algorithms, options=options, issuer=self._issuer, audience=audience
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise InvalidToken(str(error)) from error
        _check_times(claims, time.time())
        return claims

    def may_wait(self, token: str) -> bool:
        """Returns whether reading a token may wait for the service, because its key is not known."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except (jwt.PyJWTError, ValueError, RecursionError):
            return False
        return isinstance(kid, str) and not self._keys.has(kid)

    def _key_of(self, header: dict[str, Any], profile: Profile) -> jwt.PyJWK:
        typ, kid = header.get("typ"), header.get("kid")
        # RFC 9068 §4, RFC 7515 §4.1.9. A token of another kind must not pass for this one.
        if not isinstance(typ, str) or typ.lower().removeprefix("application/") != profile.typ:
            raise InvalidToken(f"the type is not {profile.typ}")
        # RFC 7515 §4.1.11: no extension is understood here.
        if "crit" in header:
            raise InvalidToken("the header has crit")
        # Before the keys are searched, which may cause a request to the service.
        if header.get("alg") not in self._algorithms or not isinstance(kid, str):
            raise InvalidToken("the algorithm is not one of those that are accepted, or there is no kid")
        key = self._keys.find(kid)
        if key is None:
            raise InvalidToken("the issuer has no such key")
        return key


def _check_times(claims: dict[str, Any], now: float) -> None:
    times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
    if not all(is_number(value) for value in times.values()):
        raise InvalidToken("a time is not a number")
    if now >= times["exp"] + LEEWAY:
        raise InvalidToken("expired")
    if max(times["iat"], times.get("nbf", 0)) > now + LEEWAY:
        raise InvalidToken("not valid yet")
