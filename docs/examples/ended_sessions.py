"""ASGI middleware (FastAPI, Starlette, Django): verifies access tokens without asking, and refuses those of ended
sessions."""

import http.client
import logging
import socket
import threading
import time
import urllib.parse

import jwt


def fetch(url, seconds=1, most_bytes=1_000_000):
    """Returns the body of an answer 200, if all of it comes in time. Follows no redirect."""
    parts, end = urllib.parse.urlsplit(url), time.monotonic() + seconds
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=seconds)
    connection.connect()
    # `timeout` is for each read; this is for all of them together.
    stop = threading.Timer(end - time.monotonic(), socket.socket.shutdown, (connection.sock, socket.SHUT_RDWR))
    stop.start()
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        answer = connection.getresponse()
        body = answer.read(most_bytes + 1)
    finally:
        stop.cancel()
        connection.close()
    if answer.status != 200 or len(body) > most_bytes:
        raise ValueError(f"status {answer.status}, {len(body)} bytes")
    return body.decode()


class SignedIn:
    """`stale_after`: after so many seconds without the list of ended sessions it answers 503. `inf`: it goes on."""

    def __init__(self, app, issuer, audience=None, algorithms=("ES256",), stale_after=15):
        self.app, self.issuer, self.audience = app, issuer, audience or issuer
        self.algorithms, self.stale_after = list(algorithms), stale_after
        self.keys, self.keys_at = None, -float("inf")
        self.ended = {}  # sid: until when its tokens may seem valid
        self.cursor, self.read_at = "", -float("inf")
        threading.Thread(target=self.read_for_ever, daemon=True).start()

    def verify(self, token, typ, require, **more):
        header, options = jwt.get_unverified_header(token), {"require": require}
        # PyJWT does not check the type.
        if str(header.get("typ")).lower() != typ:
            raise jwt.InvalidTokenError(f"not of the type {typ}")
        key = self.keys[header["kid"]]
        return jwt.decode(token, key, self.algorithms, options, issuer=self.issuer, leeway=5, **more)

    def read(self):
        if time.monotonic() - self.keys_at > 300:
            self.keys = jwt.PyJWKSet.from_json(fetch(f"{self.issuer}/.well-known/jwks.json"))
            self.keys_at = time.monotonic()
        more = True
        while more:
            token = fetch(f"{self.issuer}/token/ended?after={self.cursor}")
            found = self.verify(token, "ended+jwt", ["iss", "iat", "exp"])
            if time.time() - found["iat"] > 10:
                raise ValueError("it is old")
            if found["after"] != self.cursor:
                raise ValueError("a cache answers with the list after another cursor")
            self.ended.update(dict.fromkeys(found["ended"], found["exp"]))
            self.cursor, more = found["cursor"], found["more"]
        self.read_at, now = time.monotonic(), time.time()
        for sid in [sid for sid, until in self.ended.items() if until < now]:
            del self.ended[sid]

    def read_for_ever(self):
        while True:
            try:
                self.read()
            except Exception as error:
                self.keys_at = -float("inf")  # The list may be signed by a new key.
                logging.error("the list of ended sessions: %s", error)
            time.sleep(1)

    def check(self, header):
        """Returns the claims of the caller, or what to answer instead: a status and a header."""
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            return None, (401, (b"www-authenticate", b"Bearer"))
        if self.keys is None or time.monotonic() - self.read_at > self.stale_after:
            return None, (503, (b"retry-after", b"1"))
        try:
            claims = self.verify(token, "at+jwt", ["iss", "aud", "exp", "nbf", "iat", "sub"], audience=self.audience)
        except (jwt.PyJWTError, KeyError):
            claims = None
        # `cnf`: bound to a key (DPoP); this back end takes bearer tokens only.
        if claims is None or "cnf" in claims or claims.get("sid") in self.ended:
            return None, (401, (b"www-authenticate", b'Bearer error="invalid_token"'))
        return claims, None

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        header = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        scope["caller"], refusal = self.check(header)
        if refusal is None:
            return await self.app(scope, receive, send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close"})
        status, field = refusal
        await send({"type": "http.response.start", "status": status, "headers": [field]})
        await send({"type": "http.response.body"})
