"""A real service for the tests, `vestibule dev`, and users who sign in to it."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import os
import struct
import subprocess
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

PROGRAM = os.environ.get("VESTIBULE_PROGRAM") or str(Path(__file__).parents[3] / "target/debug/vestibule")
PASSWORD = "korrekt pferd batterie"


@dataclass(frozen=True)
class Answer:
    """A status, the headers by their names in small letters, and the body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Returns the body."""
        return json.loads(self.body)


def call(method: str, url: str, body: object = None, **headers: str) -> Answer:
    """Sends a request. The names of headers have `_` for `-`."""
    data = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        answer = urlopen(Request(url, data, sent, method=method), timeout=30)
    except HTTPError as error:
        answer = error
    with answer:
        return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read())


class Service:
    """`vestibule dev` with a database of its own, on a free port."""

    def __init__(self) -> None:
        self._place = tempfile.TemporaryDirectory(prefix="vestibule-verify-")
        settings = {"DATA_DIR": self._place.name, "LISTEN": "127.0.0.1:0", "TRUSTED_DEVICE_TTL": "86400"}
        self._environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self._environment |= {f"VESTIBULE_{name}": value for name, value in settings.items()}
        self._process = subprocess.Popen(
            [PROGRAM, "dev"],
            cwd=self._place.name,
            env=self._environment | {"VESTIBULE_BCRYPT_COST": "4"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.url = self._wait_until_it_listens()
        while call("GET", f"{self.url}/health/ready").status != 200:
            time.sleep(0.1)

    def _wait_until_it_listens(self) -> str:
        assert self._process.stderr is not None
        said: list[str] = []
        for line in self._process.stderr:
            said.append(line)
            entry = json.loads(line) if line.startswith("{") else {}
            if str(entry.get("message")).startswith("listening"):
                # Its log must be read, or it waits.
                threading.Thread(target=self._process.stderr.read, daemon=True).start()
                return str(entry["public_url"])
        raise AssertionError("the service ended:\n" + "".join(said))

    def stop(self) -> None:
        """Ends the program."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
        self._place.cleanup()

    def operate(self, *words: str) -> None:
        """Runs a command of the program beside the service."""
        subprocess.run([PROGRAM, *words], cwd=self._place.name, env=self._environment, check=True, capture_output=True)

    def post(self, path: str, body: object, **headers: str) -> Any:
        """Calls the API, and returns the body of a good answer."""
        answer = call("POST", self.url + path, body, **headers)
        assert answer.status < 300, f"{path}: {answer.status} {answer.body.decode()}"
        return json.loads(answer.body or b"{}")

    def sign_up(self, holder: Holder | None = None) -> User:
        """Makes a user who is signed in with two factors. With a holder, the session is bound to its key."""
        send = self.post if holder is None else functools.partial(holder.post, self.url)
        email = f"jo-{uuid.uuid4().hex}@mail.example"
        made = send("/register", {"email": email, "password": PASSWORD})
        proof = {"pre_auth_token": made["pre_auth_token"], "code": _code(made["totp"]["secret"]), "trust_device": True}
        return User(email, send("/2fa/verify", proof))


@dataclass(frozen=True)
class User:
    """A user, and what the service answered to the sign-in."""

    email: str
    tokens: dict[str, Any]

    @property
    def access_token(self) -> str:
        """The access token."""
        return str(self.tokens["access_token"])


class Holder:
    """A client with a key that its tokens are bound to (RFC 9449)."""

    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())
        self._jwk = jwt.get_algorithm_by_name("ES256").to_jwk(self._private.public_key(), as_dict=True)

    def proof(self, method: str, url: str, token: str | None = None, nonce: str | None = None) -> str:
        """Returns a proof for a request."""
        claims: dict[str, Any] = {"jti": uuid.uuid4().hex, "htm": method, "htu": url, "iat": int(time.time())}
        if token is not None:
            claims["ath"] = _base64url(hashlib.sha256(token.encode()).digest())
        if nonce is not None:
            claims["nonce"] = nonce
        return jwt.encode(claims, self._private, "ES256", headers={"typ": "dpop+jwt", "jwk": self._jwk})

    def post(self, issuer: str, path: str, body: object) -> Any:
        """Calls the service, which names a nonce for the proof first, and returns the body of a good answer."""
        url = issuer + path
        answer = call("POST", url, body, DPoP=self.proof("POST", url))
        assert answer.json()["code"] == "use_dpop_nonce", answer.body
        answer = call("POST", url, body, DPoP=self.proof("POST", url, nonce=answer.headers["dpop-nonce"]))
        assert answer.status < 300, answer.body
        return answer.json()


def _code(secret: str) -> str:
    """Returns the code of an authenticator app (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
