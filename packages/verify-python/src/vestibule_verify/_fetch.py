"""GET requests to the service that end: within a time as a whole, without redirects, and up to a size."""

from __future__ import annotations

import functools
import http.client
import io
import socket
import time
import urllib.request
from typing import IO, Any
from urllib.error import HTTPError

LONGEST_ANSWER = 1 << 20


class FetchError(Exception):
    """The service could not be reached in time, or its answer is not usable."""


class _BoundedReader(io.RawIOBase):
    """Reads from a socket until a point in time. The timeout of a socket alone starts again with each byte."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._raw: Any = sock.makefile("rb", buffering=0)
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._sock.settimeout(left)
        read: int | None = self._raw.readinto(buffer)
        return read

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedAnswer(http.client.HTTPResponse):
    def __init__(self, deadline: float, sock: socket.socket, **more: Any) -> None:
        super().__init__(sock, **more)
        self.fp.close()
        self.fp = io.BufferedReader(_BoundedReader(sock, deadline))


class _Bounded:
    """Makes a connection give up when its timeout has passed as a whole."""

    def __init__(self, *where: Any, **more: Any) -> None:
        super().__init__(*where, **more)
        deadline = time.monotonic() + more["timeout"]
        self.response_class: Any = functools.partial(_BoundedAnswer, deadline)


class _Connection(_Bounded, http.client.HTTPConnection):
    pass


class _SecureConnection(_Bounded, http.client.HTTPSConnection):
    pass


class _Handler(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, req)


class _SecureHandler(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_SecureConnection, req)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect could lead to a server that the issuer does not control."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        return None


_OPENER = urllib.request.build_opener(_Handler, _SecureHandler, _NoRedirects)


def fetch(url: str, timeout: float) -> bytes:
    """Returns the body of an answer with status 200.

    `timeout`: in seconds, for all of it. Only how long the look-up of a name takes is up to the system.

    Raises `FetchError`.
    """
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "vestibule-verify"})
        with _OPENER.open(request, timeout=timeout) as answer:
            body: bytes = answer.read(LONGEST_ANSWER + 1)
            status: int = answer.status
    except HTTPError as error:
        error.close()
        raise FetchError(f"{url}: status {error.code}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise FetchError(f"{url}: {error}") from error
    if status != 200:
        raise FetchError(f"{url}: status {status}")
    if len(body) > LONGEST_ANSWER:
        raise FetchError(f"{url}: more than {LONGEST_ANSWER} bytes")
    return body
