"""What a back end answers instead of serving a request."""

from __future__ import annotations


class Refused(Exception):
    """A request is refused: with a status, and with headers.

    `str(refused)` is the reason. It is for the log of the back end: an attacker must not learn which check failed.
    """

    def __init__(self, status: int, reason: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = headers or {}


def challenge(scheme: str, **parameters: str) -> str:
    """Returns a challenge for `WWW-Authenticate` (RFC 9110 §11.6.1)."""
    return " ".join([scheme, ", ".join(f'{name}="{value}"' for name, value in parameters.items())]).rstrip()


def unauthorized(reason: str, scheme: str, **parameters: str) -> Refused:
    """Returns the 401 with a challenge."""
    return Refused(401, reason, {"WWW-Authenticate": challenge(scheme, **parameters)})


def unavailable(reason: str, seconds: int) -> Refused:
    """Returns the 503. `seconds`: when the client may try again."""
    return Refused(503, reason, {"Retry-After": str(seconds)})
