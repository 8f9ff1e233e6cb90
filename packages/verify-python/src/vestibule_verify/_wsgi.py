"""How a request reads in a WSGI environment."""

from __future__ import annotations

from typing import Any

from ._verifier import Request


def request_of(environ: dict[str, Any], path: str) -> Request:
    """Returns what the verifier reads of a request. `path`: decoded, from the root of the server.

    Servers join several headers of a name with commas, or keep one.
    """
    return Request(
        method=environ["REQUEST_METHOD"],
        path=path,
        authorization=environ.get("HTTP_AUTHORIZATION"),
        proof=environ.get("HTTP_DPOP"),
        memory=environ,
    )
