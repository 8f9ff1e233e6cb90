"""Proofs of possession (RFC 9449): a client shows that it has the key that its token is bound to."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import jwt
from jwt.algorithms import OKPAlgorithm

from ._json import as_object, is_number
from ._urls import is_plain

# Those that the service accepts as well, each with the kind of key and the curve that it is for. `Ed25519` is the newer
# name of what `EdDSA` means here (RFC 9864 §2.2).
ALGORITHMS = {
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
    "PS256": ("RSA", None),
    "RS256": ("RSA", None),
}
# How far `iat` may be from the clock of this back end, in seconds, either way.
WINDOW = 60
# A proof by an RSA key of 4096 bits has less than 3000 characters.
LONGEST_PROOF = 4096
LONGEST_JTI = 500
SMALLEST_RSA_KEY = 2048
# RFC 7638 §3.2, RFC 8037 §2: the members that the thumbprint is of.
MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
# PyJWT does not know the newer name.
_JWS = jwt.PyJWS()
_JWS.register_algorithm("Ed25519", OKPAlgorithm())
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


class InvalidProof(Exception):
    """A proof is not one for this request. The text says why."""


class ProofNotRemembered(Exception):
    """A proof cannot be remembered, so a copy of it would count as well. The text says why."""


class TooManyProofs(ProofNotRemembered):
    """No more proofs can be remembered. To forget one would allow it a second time."""


class ProofMemory:
    """Remembers the proofs of one process, so that each counts once. Threads may share it."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def remember(self, proof: str, seconds: float) -> bool:
        """Returns whether a proof is new, and remembers it for some seconds.

        Raises `TooManyProofs`.
        """
        now = time.monotonic()
        with self._lock:
            if self._until.get(proof, now) > now:
                return False
            if len(self._until) >= self._most:
                self._until = {known: until for known, until in self._until.items() if until > now}
            if len(self._until) >= self._most:
                raise TooManyProofs("there are too many")
            self._until[proof] = now + seconds
            return True


class ProofChecker:
    """Checks proofs for the requests of one back end (RFC 9449 §4.3).

    `public_url`: what comes before the path of a request in the URLs that clients call. `remember`: as
    `ProofMemory.remember`.
    """

    def __init__(self, public_url: str, remember: Callable[[str, float], bool]) -> None:
        place = _place(public_url)
        if place is None or not is_plain(public_url):
            raise ValueError(f"public_url is not a plain URL of http or https: {public_url!r}")
        self._origin, prefix = place
        self._prefix = prefix.rstrip("/")
        self._remember = remember

    def check(self, proof: str, method: str, path: str, token: str, thumbprint: str) -> None:
        """Checks the proof that came with a token.

        `path`: decoded, as frameworks route by it. `thumbprint`: of the key that the token is bound to.

        Raises `InvalidProof`, `ProofNotRemembered`.
        """
        key, algorithm, jwk = _key_in(proof)
        if thumbprint_of(jwk) != thumbprint:
            raise InvalidProof("the token is bound to another key")
        try:
            claims = as_object(json.loads(_JWS.decode(proof, key, algorithms=[algorithm])))
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise InvalidProof(str(error)) from error
        if claims is None:
            raise InvalidProof("the claims are not an object")
        self._check_claims(claims, method, path, token)
        age = time.time() - claims["iat"]
        # Last, so that only owners of keys can fill the memory.
        if not self._is_new(_digest(f"{thumbprint} {claims['jti']}"), WINDOW - age + 1):
            raise InvalidProof("the proof was used before")

    def _is_new(self, proof: str, seconds: float) -> bool:
        try:
            return self._remember(proof, seconds)
        except ProofNotRemembered:
            raise
        except Exception as error:
            # Of any kind: the function is the application's.
            raise ProofNotRemembered(str(error) or repr(error)) from error

    def _check_claims(self, claims: dict[str, Any], method: str, path: str, token: str) -> None:
        jti, htu, iat = claims.get("jti"), claims.get("htu"), claims.get("iat")
        if not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_JTI:
            raise InvalidProof("jti is not a text of 1 to 500 characters")
        if claims.get("htm") != method:
            raise InvalidProof("htm is not the method of the request")
        if not isinstance(htu, str) or _place(htu) != (self._origin, self._prefix + path):
            raise InvalidProof(f"htu is not the URL of the request, which ends in {self._prefix + path!r}")
        if not is_number(iat) or abs(time.time() - iat) > WINDOW:
            raise InvalidProof("iat is more than a minute from the clock of this back end")
        if claims.get("ath") != _digest(token):
            raise InvalidProof("ath is not the hash of the access token")


def thumbprint_of(jwk: dict[str, Any]) -> str:
    """Returns the thumbprint of a key (RFC 7638 §3)."""
    required = {name: jwk[name] for name in MEMBERS[jwk["kty"]]}
    return _digest(json.dumps(required, sort_keys=True, separators=(",", ":")))


def _key_in(proof: str) -> tuple[Any, str, dict[str, Any]]:
    """Returns the key in the header of a proof, as a key and as a JWK, and the algorithm that it is for."""
    if len(proof) > LONGEST_PROOF:
        raise InvalidProof(f"the proof is longer than {LONGEST_PROOF} characters")
    try:
        header = jwt.get_unverified_header(proof)
        algorithm, jwk = header.get("alg"), as_object(header.get("jwk"))
        if header.get("typ") != "dpop+jwt" or "crit" in header or "b64" in header:
            raise InvalidProof("the type is not dpop+jwt, or the header has crit")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise InvalidProof("the algorithm is not one of those that are accepted")
        if jwk is None or not PRIVATE_MEMBERS.isdisjoint(jwk):
            raise InvalidProof("jwk is not a public key")
        if (jwk.get("kty"), jwk.get("crv")) != ALGORITHMS[algorithm]:
            raise InvalidProof("jwk is not a key for the algorithm")
        # Only what the thumbprint is of.
        public = {name: str(jwk.get(name)) for name in MEMBERS[jwk["kty"]]}
        key = jwt.PyJWK(public).key
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise InvalidProof(str(error)) from error
    if public["kty"] == "RSA" and key.key_size < SMALLEST_RSA_KEY:
        raise InvalidProof("the RSA key is too small")
    return key, algorithm, public


def _place(url: str) -> tuple[str, str] | None:
    """Returns the origin of a URL and its path, in one spelling, without query and fragment. `None` if it has none.

    The path is decoded: frameworks route by the decoded path, so two spellings of it name the same thing.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        path = unquote(parts.path, errors="strict") or "/"
    except ValueError:
        return None
    if port is None or not parts.hostname or "@" in parts.netloc:
        return None
    return f"{parts.scheme}://{parts.hostname}:{port}", path


def _digest(text: str) -> str:
    """Returns the SHA-256 in base64url, as `ath` and thumbprints are (RFC 9449 §4.2, RFC 7638 §3.1)."""
    # A text of JSON may have halves of characters, which UTF-8 has not.
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
