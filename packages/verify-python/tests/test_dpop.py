"""Tokens that are bound to a key, and the proofs that come with them (RFC 9449)."""

from __future__ import annotations

import json
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from conftest import refusal, request
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from issuer import Issuer
from vestibule_verify import Refused, Request, Verifier
from vestibule_verify._dpop import ProofMemory, TooManyProofs, _digest, thumbprint_of

Make = Callable[..., Verifier]
ALGS = 'algs="ES256 EdDSA Ed25519 PS256 RS256"'
NO_PROOF = (401, f'DPoP error="invalid_dpop_proof", {ALGS}, Bearer')
INVALID = (401, f'DPoP error="invalid_token", {ALGS}, Bearer')
AS_BEARER = (401, f'Bearer error="invalid_token", DPoP {ALGS}')
URL = "https://api.example.com"
# PyJWT does not know the newer name of EdDSA (RFC 9864 §2.2).
_JWS = jwt.PyJWS()
_JWS.register_algorithm("Ed25519", jwt.get_algorithm_by_name("EdDSA"))


class Client:
    """A client with a key."""

    def __init__(self, algorithm: str = "ES256", private: Any = None) -> None:
        self.algorithm = algorithm
        self.private = private or ec.generate_private_key(ec.SECP256R1())
        self.jwk: Any = _JWS.get_algorithm_by_name(algorithm).to_jwk(self.private.public_key(), as_dict=True)
        self.jwk.pop("key_ops", None)

    def token(self, issuer: Issuer, **changes: Any) -> str:
        """Returns a token that is bound to the key."""
        return issuer.token(cnf={"jkt": thumbprint_of(self.jwk)}, **changes)

    def proof(self, token: str, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """Returns a proof for `GET /orders/7`, with changes in its header and claims. `None` removes a claim."""
        good = {"jti": uuid.uuid4().hex, "htm": "GET", "htu": f"{URL}/orders/7", "iat": int(time.time())}
        claims = {
            name: value for name, value in (good | {"ath": _digest(token)} | changes).items() if value is not None
        }
        headers = {"typ": "dpop+jwt", "jwk": self.jwk, **(header or {})}
        return _JWS.encode(json.dumps(claims).encode(), self.private, self.algorithm, headers=headers)


def bound(token: str, proof: str | None, path: str = "/orders/7") -> Request:
    """Returns a request with a bound token."""
    return request(token, "DPoP", path=path, proof=proof)


@pytest.fixture
def verifier(issuer: Issuer, verifier_of: Make) -> Verifier:
    """A verifier that checks proofs."""
    return verifier_of(issuer.url, public_url=URL)


@pytest.mark.parametrize(
    ("algorithm", "make"),
    [
        ("ES256", lambda: ec.generate_private_key(ec.SECP256R1())),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate),
        ("Ed25519", ed25519.Ed25519PrivateKey.generate),
        ("RS256", lambda: rsa.generate_private_key(65537, 2048)),
        ("PS256", lambda: rsa.generate_private_key(65537, 2048)),
    ],
)
def test_a_token_counts_with_a_proof_by_its_key(
    issuer: Issuer, verifier: Verifier, algorithm: str, make: Callable[[], Any]
) -> None:
    client = Client(algorithm, make())
    token = client.token(issuer)
    assert verifier.check(bound(token, client.proof(token))).key == thumbprint_of(client.jwk)


def test_the_thumbprint_is_that_of_the_standard() -> None:
    # RFC 9449 §4.1 and §6.1.
    jwk = {
        "kty": "EC", "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA", "crv": "P-256",
    }  # fmt: skip
    assert thumbprint_of(jwk) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


@pytest.mark.parametrize(
    ("header", "changes"),
    [
        ({"typ": "JWT"}, {}),
        ({"crit": ["b64"], "b64": True}, {}),
        ({"jwk": None}, {}),
        ({"jwk": []}, {}),
        ({"jwk": {"kty": "oct", "k": "AAAA"}}, {}),
        ({"jwk": {"kty": ["EC"]}}, {}),
        ({"jwk": {"kty": "EC", "crv": "P-256", "x": 7, "y": None}}, {}),
        ({"jwk": {"kty": "EC", "crv": "P-256", "x": "\ud800", "y": "é"}}, {}),
        ({"jwk": {"kty": "EC", "crv": "P-256", "x": "AAAA"}}, {}),
        ({}, {"jti": None}),
        ({}, {"jti": ""}),
        ({}, {"jti": "x" * 501}),
        ({}, {"jti": 7}),
        ({}, {"htm": "POST"}),
        ({}, {"htm": "get"}),
        ({}, {"htu": None}),
        ({}, {"htu": f"{URL}/orders/8"}),
        ({}, {"htu": f"{URL}/orders/7/"}),
        ({}, {"htu": f"{URL}:8443/orders/7"}),
        ({}, {"htu": "http://api.example.com/orders/7"}),
        ({}, {"htu": "https://api.example.org/orders/7"}),
        ({}, {"htu": "https://jo@api.example.com/orders/7"}),
        ({}, {"htu": "https://api.example.com:port/orders/7"}),
        ({}, {"htu": f"{URL}/%FF"}),
        ({}, {"htu": "/orders/7"}),
        ({}, {"iat": time.time() - 3600}),
        ({}, {"iat": time.time() + 3600}),
        ({}, {"iat": 10**400}),
        ({}, {"iat": None}),
        ({}, {"ath": None}),
        ({}, {"ath": _digest("another token")}),
        ({}, {"padding": "x" * 4096}),
    ],
)
def test_a_proof_for_something_else_is_refused(
    issuer: Issuer, verifier: Verifier, header: dict[str, Any], changes: dict[str, Any]
) -> None:
    client = Client()
    token = client.token(issuer)
    assert refusal(verifier, bound(token, client.proof(token, header, **changes))) == NO_PROOF


@pytest.mark.parametrize("algorithm", [None, [], {}, 7, "", "none", "HS256", "ES384", "RS256"])
def test_another_algorithm_is_refused(issuer: Issuer, verifier: Verifier, algorithm: object) -> None:
    client = Client()
    token = client.token(issuer)
    head = {"typ": "dpop+jwt", "alg": algorithm, "jwk": client.jwk}
    encoded = urlsafe_b64encode(json.dumps(head).encode()).rstrip(b"=").decode()
    _, claims, signature = client.proof(token).split(".")
    assert refusal(verifier, bound(token, f"{encoded}.{claims}.{signature}")) == NO_PROOF


@pytest.mark.parametrize("claims", ["[]", "7", "x", "{", "[" * 1500])
def test_claims_that_are_not_an_object_are_refused(issuer: Issuer, verifier: Verifier, claims: str) -> None:
    client = Client()
    headers = {"typ": "dpop+jwt", "jwk": client.jwk}
    proof = _JWS.encode(claims.encode(), client.private, "ES256", headers=headers)
    assert refusal(verifier, bound(client.token(issuer), proof)) == NO_PROOF


def test_half_a_character_in_an_id_is_one_like_others(issuer: Issuer, verifier: Verifier) -> None:
    client = Client()
    token = client.token(issuer)
    proof = client.proof(token, jti="\ud800")
    assert verifier.check(bound(token, proof)).key
    assert refusal(verifier, bound(token, proof)) == NO_PROOF


def test_a_proof_with_a_private_key_is_refused(issuer: Issuer, verifier: Verifier) -> None:
    client = Client()
    token = client.token(issuer)
    client.jwk = jwt.get_algorithm_by_name("ES256").to_jwk(client.private, as_dict=True)
    assert refusal(verifier, bound(token, client.proof(token))) == NO_PROOF


def test_a_small_key_is_refused(issuer: Issuer, verifier: Verifier) -> None:
    client = Client("RS256", rsa.generate_private_key(65537, 1024))
    token = client.token(issuer)
    assert refusal(verifier, bound(token, client.proof(token))) == NO_PROOF


@pytest.mark.parametrize("proof", [None, "", "x", "a.b.c", "[" * 4000])
def test_what_does_not_parse_as_a_proof_is_refused(issuer: Issuer, verifier: Verifier, proof: str | None) -> None:
    assert refusal(verifier, bound(Client().token(issuer), proof)) == NO_PROOF


def test_a_stolen_token_is_worth_nothing(issuer: Issuer, verifier: Verifier) -> None:
    owner, thief = Client(), Client()
    token = owner.token(issuer)
    assert refusal(verifier, bound(token, thief.proof(token))) == NO_PROOF
    # The owner's key in the header, the thief's signature.
    thief.jwk = owner.jwk
    assert refusal(verifier, bound(token, thief.proof(token))) == NO_PROOF
    assert refusal(verifier, request(token)) == AS_BEARER
    with_proof = request(token, path="/orders/7", proof=owner.proof(token))
    assert refusal(verifier, with_proof) == AS_BEARER


def test_two_proofs_are_refused(issuer: Issuer, verifier: Verifier) -> None:
    client = Client()
    token = client.token(issuer)
    assert refusal(verifier, bound(token, f"{client.proof(token)}, {client.proof(token)}")) == NO_PROOF


def test_a_token_that_is_not_bound_is_refused_with_a_proof(issuer: Issuer, verifier: Verifier) -> None:
    token = issuer.token()
    assert refusal(verifier, bound(token, Client().proof(token))) == INVALID
    assert verifier.check(request(token)).key is None


def test_a_proof_counts_once(issuer: Issuer, verifier: Verifier) -> None:
    client = Client()
    token = client.token(issuer)
    sent = bound(token, client.proof(token))
    verifier.check(sent)
    # The same request may be checked again, for another demand.
    verifier.check(sent)
    assert refusal(verifier, bound(token, sent.proof)) == NO_PROOF
    # The id of a proof is one of its key: another client cannot use it up.
    other = Client()
    others = other.token(issuer)
    verifier.check(bound(others, other.proof(others, jti="same")))
    verifier.check(bound(token, client.proof(token, jti="same")))


def test_processes_may_remember_together(issuer: Issuer, verifier_of: Make) -> None:
    shared: dict[str, float] = {}

    def remember(proof: str, seconds: float) -> bool:
        return shared.setdefault(proof, seconds) == seconds and len(shared) == 1

    client = Client()
    token = client.token(issuer)
    proof = client.proof(token, jti="first")
    one, other = (verifier_of(issuer.url, public_url=URL, remember_proof=remember) for _ in range(2))
    one.check(bound(token, proof))
    # The same as in the packages for Node and Rust.
    assert list(shared) == [_digest(f"{thumbprint_of(client.jwk)} first")]
    assert 0 < next(iter(shared.values())) <= 62
    assert refusal(other, bound(token, proof)) == NO_PROOF


def test_the_memory_forgets_in_time_and_has_a_limit() -> None:
    memory = ProofMemory(most=2)
    assert memory.remember("a", 0.1)
    assert not memory.remember("a", 0.1)
    assert memory.remember("b", 60)
    with pytest.raises(TooManyProofs):
        memory.remember("c", 60)
    time.sleep(0.15)
    assert memory.remember("a", 60)
    assert not memory.remember("b", 60)


def test_a_full_memory_is_503(issuer: Issuer, verifier_of: Make) -> None:
    verifier = verifier_of(issuer.url, public_url=URL, remember_proof=ProofMemory(most=0).remember)
    client = Client()
    token = client.token(issuer)
    assert refusal(verifier, bound(token, client.proof(token))) == (503, "5")


def test_a_memory_that_fails_is_503(issuer: Issuer, verifier_of: Make) -> None:
    def remember(proof: str, seconds: float) -> bool:
        raise ConnectionError("no connection")

    verifier = verifier_of(issuer.url, public_url=URL, remember_proof=remember)
    client = Client()
    token = client.token(issuer)
    request = bound(token, client.proof(token))
    with pytest.raises(Refused, match="the memory of proofs: no connection"):
        verifier.check(request)
    assert refusal(verifier, request) == (503, "5")


@pytest.mark.parametrize(
    ("public_url", "path", "htu"),
    [
        (URL, "/orders/7", "HTTPS://API.example.com:443/orders/7?expand=lines#first"),
        (f"{URL}/", "/orders/7", f"{URL}/orders/7"),
        (URL, "/", URL),
        (f"{URL}/v1", "/orders/7", f"{URL}/v1/orders/7"),
        (URL, "/a b/ü", f"{URL}/a%20b/%c3%BC"),
        ("http://localhost:8000", "/", "http://localhost:8000/"),
    ],
)
def test_the_url_is_the_one_that_clients_call(
    issuer: Issuer, verifier_of: Make, public_url: str, path: str, htu: str
) -> None:
    client = Client()
    token = client.token(issuer)
    assert verifier_of(issuer.url, public_url=public_url).check(bound(token, client.proof(token, htu=htu), path)).key


def test_the_challenges_name_both_schemes(issuer: Issuer, verifier: Verifier) -> None:
    assert refusal(verifier, request(None)) == (401, f"Bearer, DPoP {ALGS}")


def test_without_a_public_url_bound_tokens_are_refused(issuer: Issuer, verifier_of: Make) -> None:
    verifier, client = verifier_of(issuer.url), Client()
    token = client.token(issuer)
    assert refusal(verifier, bound(token, client.proof(token))) == (401, "Bearer")
    assert refusal(verifier, request(token)) == (401, 'Bearer error="invalid_token"')
