"""Which tokens are accepted, and what is answered to the others."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from conftest import refusal, request
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from issuer import Issuer, SigningKey
from vestibule_verify import Demand, Refused, Verifier

Make = Callable[..., Verifier]
INVALID = (401, 'Bearer error="invalid_token"')


@pytest.fixture
def verifier(issuer: Issuer, verifier_of: Make) -> Verifier:
    """A verifier with the defaults."""
    return verifier_of(issuer.url)


def test_a_good_token_tells_who_is_calling(issuer: Issuer, verifier: Verifier) -> None:
    claims = issuer.claims(
        roles=["editor"], permissions=["posts:write"], scope="a b", app={"plan": "gold", "sub": "admin"}
    )
    caller = verifier.check(request(issuer.key.sign(claims)))
    assert (caller.subject, caller.client_id, caller.session_id) == ("jo", "vestibule", "session")
    assert (caller.acr, caller.amr, caller.auth_time) == ("aal2", ("pwd", "otp", "mfa"), claims["auth_time"])
    assert (caller.roles, caller.permissions, caller.scopes) == ({"editor"}, {"posts:write"}, {"a", "b"})
    assert (caller.app, caller.key, caller.claims) == ({"plan": "gold", "sub": "admin"}, None, claims)


def test_what_a_token_lacks_is_empty(issuer: Issuer, verifier: Verifier) -> None:
    token = issuer.token(sid=None, acr=None, amr=None, auth_time=None)
    caller = verifier.check(request(token))
    assert (caller.session_id, caller.acr, caller.auth_time, caller.amr) == (None, None, None, ())
    assert not caller.roles | caller.permissions | caller.scopes
    assert caller.app == {}


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_both_names_of_the_type_are_good(issuer: Issuer, verifier: Verifier, typ: str) -> None:
    assert verifier.check(request(issuer.key.sign(issuer.claims(), typ=typ))).subject == "jo"


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_the_case_of_the_scheme_does_not_matter(issuer: Issuer, verifier: Verifier, scheme: str) -> None:
    assert verifier.check(request(issuer.token(), scheme)).subject == "jo"


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": time.time() - 60},
        {"exp": "9999999999"},
        {"exp": True},
        {"exp": 10**400},
        {"exp": float("inf")},
        {"nbf": time.time() + 60},
        {"nbf": "0"},
        {"iat": time.time() + 60},
        {"iss": "https://evil.example"},
        {"aud": "https://shop.example"},
        {"aud": []},
        {"sub": 7},
        {"client_id": 7},
        {"sid": 7},
        {"acr": 2},
        {"amr": "pwd"},
        {"auth_time": "now"},
        {"roles": "admin"},
        {"roles": [["admin"]]},
        {"permissions": {"posts:write": True}},
        {"scope": ["a"]},
        {"app": []},
        {"cnf": {"jkt": "x"}},
        {"cnf": {}},
        *({name: None} for name in ("iss", "aud", "sub", "client_id", "exp", "iat", "nbf", "jti")),
    ],
)
def test_a_wrong_claim_is_refused(issuer: Issuer, verifier: Verifier, changes: dict[str, Any]) -> None:
    assert refusal(verifier, request(issuer.token(**changes))) == INVALID


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": "ended+jwt"},
        {"typ": None},
        {"typ": 7},
        {"kid": "unknown"},
        {"crit": ["b64"], "b64": True},
        {"crit": ["x"]},
    ],
)
def test_a_wrong_header_is_refused(issuer: Issuer, verifier: Verifier, header: dict[str, Any]) -> None:
    assert refusal(verifier, request(issuer.key.sign(issuer.claims(), **header))) == INVALID


def _encoded(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_forged_signatures_are_refused(issuer: Issuer, verifier: Verifier) -> None:
    good = issuer.token()
    header = {"typ": "at+jwt", "kid": issuer.key.kid}
    unsigned = f"{_encoded(header | {'alg': 'none'})}.{_encoded(issuer.claims())}."
    thief = SigningKey()
    thief.kid = issuer.key.kid
    form, encoding = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.Encoding.PEM
    secret = issuer.key.private.public_key().public_bytes(encoding, form)
    message = f"{_encoded(header | {'alg': 'HS256'})}.{_encoded(issuer.claims())}"
    mac = urlsafe_b64encode(hmac.new(secret, message.encode(), hashlib.sha256).digest()).rstrip(b"=").decode()
    for forged in [unsigned, thief.sign(issuer.claims()), f"{message}.{mac}", good[:-8] + "AAAAAAAA"]:
        assert refusal(verifier, request(forged)) == INVALID


@pytest.mark.parametrize(
    "token",
    ["", "x", "..", "a.b.c", "é.é.é", "[" * 5000, "eyJhbGciOiJFUzI1NiJ9..", f"{_encoded([])}.a.b", "vrt_AAAA", "a b"],
)
def test_what_is_no_token_is_refused(verifier: Verifier, token: str) -> None:
    assert refusal(verifier, request(token)) == INVALID


def test_a_deeply_nested_header_is_refused(verifier: Verifier) -> None:
    nested = urlsafe_b64encode(b'{"alg":' + b"[" * 100_000).rstrip(b"=").decode()
    assert refusal(verifier, request(f"{nested}.e30.AA")) == INVALID


@pytest.mark.parametrize("authorization", [None, "", "Basic am86eA==", "DPoP x", "Token x"])
def test_without_a_bearer_token_the_challenge_has_no_error(verifier: Verifier, authorization: str | None) -> None:
    assert refusal(verifier, request(None, authorization=authorization)) == (401, "Bearer")


def test_the_audience_may_be_a_resource(issuer: Issuer, verifier_of: Make) -> None:
    verifier = verifier_of(issuer.url, "https://api.example.com")
    assert verifier.check(request(issuer.token(aud="https://api.example.com"))).subject == "jo"
    assert refusal(verifier, request(issuer.token())) == INVALID


def test_only_the_algorithms_of_the_settings_count(issuer: Issuer, verifier_of: Make) -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    jwk = jwt.get_algorithm_by_name("EdDSA").to_jwk(private.public_key(), as_dict=True)
    issuer.published.append({**jwk, "kid": "ed", "use": "sig", "alg": "EdDSA"})
    token = jwt.encode(issuer.claims(), private, "EdDSA", headers={"typ": "at+jwt", "kid": "ed"})
    assert refusal(verifier_of(issuer.url), request(token)) == INVALID
    assert verifier_of(issuer.url, algorithms=["ES256", "EdDSA"]).check(request(token)).subject == "jo"


@pytest.mark.parametrize(
    "settings",
    [
        {"issuer": "auth.example.com"},
        {"issuer": "file:///etc/passwd"},
        {"algorithms": []},
        {"algorithms": "ES256"},
        {"algorithms": ["HS256"]},
        {"algorithms": ["none"]},
        {"public_url": "api.example.com"},
        {"public_url": "https://api.example.com/?a"},
    ],
)
def test_unusable_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"issuer|algorithms|public_url"):
        Verifier(**({"issuer": "https://auth.example.com"} | settings))


SERVICE = {"sid": None, "acr": None, "amr": None, "auth_time": None, "scope": "orders:read"}
STEP_UP = 'Bearer error="insufficient_user_authentication"'


@pytest.mark.parametrize(
    ("demand", "changes", "expected"),
    [
        (Demand(role="admin"), {}, (403, None)),
        (Demand(role="admin"), {"roles": ["administrator"]}, (403, None)),
        (Demand(permission="posts:write"), {"permissions": ["posts"]}, (403, None)),
        (Demand(scope="orders"), {}, (403, 'Bearer error="insufficient_scope", scope="orders"')),
        (Demand(scope="orders"), {"scope": "orders:read"}, (403, 'Bearer error="insufficient_scope", scope="orders"')),
        (Demand(in_person=True), SERVICE, (403, None)),
        (Demand(acr="aal2"), {"acr": "aal1"}, (401, f'{STEP_UP}, acr_values="aal2"')),
        (Demand(acr="aal2"), {"acr": "aal3"}, (401, f'{STEP_UP}, acr_values="aal2"')),
        (Demand(acr="aal1"), SERVICE, (401, f'{STEP_UP}, acr_values="aal1"')),
        (Demand(max_age=300), {"auth_time": time.time() - 400}, (401, f'{STEP_UP}, max_age="300"')),
        (Demand(max_age=300), SERVICE, (401, f'{STEP_UP}, max_age="300"')),
        (Demand(acr="aal2", max_age=60), {"acr": "aal1"}, (401, f'{STEP_UP}, acr_values="aal2", max_age="60"')),
        # The service withholds a role that requires a second factor until there is one.
        (Demand(role="admin", acr="aal2"), {"acr": "aal1"}, (401, f'{STEP_UP}, acr_values="aal2"')),
    ],
)
def test_what_a_route_demands(
    issuer: Issuer, verifier: Verifier, demand: Demand, changes: dict[str, Any], expected: tuple[int, str | None]
) -> None:
    assert refusal(verifier, request(issuer.token(**changes)), demand) == expected


def test_a_demand_that_is_met_changes_nothing(issuer: Issuer, verifier: Verifier) -> None:
    demand = Demand("admin", "posts:write", "orders", in_person=True, acr="aal2", max_age=300)
    token = issuer.token(roles=["admin"], permissions=["posts:write"], scope="orders more")
    assert verifier.check(request(token), demand).subject == "jo"
    assert verifier.check(request(issuer.token()), Demand(acr="aal1")).subject == "jo"


def test_the_reason_is_for_the_log_only(issuer: Issuer, verifier: Verifier, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "vestibule_verify")
    with pytest.raises(Refused, match="expired") as caught:
        verifier.check(request(issuer.token(exp=time.time() - 60)))
    assert "expired" not in str(caught.value.headers)
    assert caplog.messages == ["refused with 401: expired"]
