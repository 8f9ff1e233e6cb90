"""An issuer of tokens that can be told to fail: a real HTTP server with metadata, keys and a list of ended sessions."""

from __future__ import annotations

import json
import ssl
import threading
import time
import uuid
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec


class SigningKey:
    """A key pair for ES256."""

    def __init__(self) -> None:
        self.kid = uuid.uuid4().hex
        self.private = ec.generate_private_key(ec.SECP256R1())

    def public(self) -> dict[str, Any]:
        """Returns the public key as a JWK."""
        jwk = jwt.get_algorithm_by_name("ES256").to_jwk(self.private.public_key(), as_dict=True)
        return {**jwk, "kid": self.kid, "use": "sig", "alg": "ES256"}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """Signs claims. `header`: what differs from the header of an access token; `None` removes a member."""
        return jwt.encode(claims, self.private, "ES256", headers={"typ": "at+jwt", "kid": self.kid, **header})


class Issuer:
    """Listens on a free port until it is stopped. Its attributes say what it answers; tests change them."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        """`context`: to answer with TLS."""
        self.key = SigningKey()
        self.published = [self.key.public()]
        self.requests: Counter[str] = Counter()
        self.certificate: Path | None = None
        self.status = 200
        self.pause_between_bytes = 0.0
        self.redirect_to: str | None = None
        self.padding = 0
        self.metadata: dict[str, Any] = {}
        self.ended: list[str] = []
        self.ended_claims: dict[str, Any] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"issuer": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.url = f"https://localhost:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Stops listening, so that connections are refused."""
        self._server.shutdown()
        self._server.server_close()

    def rotate(self) -> None:
        """Signs with another key, and publishes both."""
        self.key = SigningKey()
        self.published.append(self.key.public())

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Returns the claims of a good token with changes. `None` removes a claim."""
        now = int(time.time())
        good = {
            "iss": self.url, "aud": self.url, "sub": "jo", "client_id": "vestibule", "jti": uuid.uuid4().hex,
            "iat": now, "nbf": now, "exp": now + 600, "sid": "session", "acr": "aal2", "amr": ["pwd", "otp", "mfa"],
            "auth_time": now,
        }  # fmt: skip
        return {name: value for name, value in (good | changes).items() if value is not None}

    def token(self, **changes: Any) -> str:
        """Returns a good token with changes in its claims."""
        return self.key.sign(self.claims(**changes))

    def answer(self, path: str, query: dict[str, list[str]]) -> bytes:
        """Returns the body of an answer."""
        if path == "/.well-known/openid-configuration":
            urls = {"jwks_uri": f"{self.url}/keys", "ended_sessions_endpoint": f"{self.url}/ended"}
            return json.dumps({"issuer": self.url, **urls, **self.metadata}).encode()
        if path == "/keys":
            return json.dumps({"keys": self.published, "padding": "x" * self.padding}).encode()
        now = int(time.time())
        after = query.get("after", [""])[0]
        claims = {
            "iss": self.url, "iat": now, "exp": now + 600, "ended": self.ended, "cursor": f"{now}", "more": False,
            "after": after,
        }  # fmt: skip
        return self.key.sign(claims | self.ended_claims, typ="ended+jwt").encode()


class _Handler(BaseHTTPRequestHandler):
    issuer: Issuer

    def do_GET(self) -> None:
        """Answers as the issuer says."""
        url = urlsplit(self.path)
        self.issuer.requests[url.path] += 1
        if self.issuer.redirect_to is not None:
            self.send_response(302)
            self.send_header("Location", self.issuer.redirect_to + self.path)
            self.end_headers()
            return
        body = self.issuer.answer(url.path, parse_qs(url.query))
        self.send_response(self.issuer.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not self.issuer.pause_between_bytes:
            self.wfile.write(body)
            return
        for byte in body:
            try:
                self.wfile.write(bytes([byte]))
            except OSError:
                return
            time.sleep(self.issuer.pause_between_bytes)

    def log_message(self, format: str, *args: Any) -> None:
        """Stays silent."""
