"""What a back end answers instead of serving a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

# The problem codes of the service, so that clients need no others.
Code = Literal[
    "invalid_token",
    "invalid_dpop_proof",
    "insufficient_user_authentication",
    "insufficient_scope",
    "forbidden",
    "service_unavailable",
]

_STATUS: dict[Code, int] = {
    "invalid_token": 401,
    "invalid_dpop_proof": 401,
    "insufficient_user_authentication": 401,
    "insufficient_scope": 403,
    "forbidden": 403,
    "service_unavailable": 503,
}
_RETRY_AFTER = 5


class Refused(Exception):
    """A request is refused: with a status, headers, and a body to be sent as JSON.

    `str(refused)` is the reason. It is for the log of the back end: an attacker must not learn which check failed.
    """

    def __init__(self, code: Code, reason: str, parameters: Mapping[str, Any] | None = None) -> None:
        """`parameters`: what the client needs to do better, such as `max_age`."""
        super().__init__(reason)
        self.code: Code = code
        self.status = _STATUS[code]
        self.body: dict[str, Any] = {"code": code, **(parameters or {})}
        self.headers = {"Cache-Control": "no-store"}
        if self.status == 503:
            self.headers["Retry-After"] = str(_RETRY_AFTER)

    def add_challenge(self, used: str | None, algorithms: str | None) -> None:
        """Adds `WWW-Authenticate` where the standards have it (RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3).

        `used`: the scheme of the request, `Bearer` or `DPoP`. `algorithms`: of proofs, if these are checked.
        """
        if self.status != 401 and self.code != "insufficient_scope":
            return
        # A request without a token is told no error (RFC 6750 §3.1).
        error = {} if used is None else {"error": self.code, **self._parameters()}
        challenges = {"Bearer": {} if used == "DPoP" else error}
        if algorithms is not None:
            challenges["DPoP"] = {**(error if used == "DPoP" else {}), "algs": algorithms}
        # The scheme of the request comes first: some clients read no further.
        schemes = sorted(challenges, key=lambda scheme: scheme != used)
        self.headers["WWW-Authenticate"] = ", ".join(_written(scheme, challenges[scheme]) for scheme in schemes)

    def _parameters(self) -> dict[str, str]:
        return {name: str(self.body[name]) for name in ("scope", "acr_values", "max_age") if name in self.body}


def _written(scheme: str, parameters: dict[str, str]) -> str:
    """Writes a challenge (RFC 9110 §11.6.1)."""
    written = ", ".join(f'{name}="{value}"' for name, value in parameters.items())
    return f"{scheme} {written}".rstrip()
