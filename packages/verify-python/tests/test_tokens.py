"""Which tokens are accepted, and what is answered to the others."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
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
    caller = verifier.check(request(issuer.key.sign(claims)), Demand(scope="a"))
    assert (caller.subject, caller.client_id, caller.session_id) == ("jo", "vestibule", "session")
    assert caller.kind == "application"
    assert (caller.acr, caller.amr, caller.auth_time) == ("aal2", ("pwd", "otp", "mfa"), claims["auth_time"])
    assert (caller.roles, caller.permissions, caller.scopes) == ({"editor"}, {"posts:write"}, {"a", "b"})
    assert (caller.app, caller.key, caller.claims) == ({"plan": "gold", "sub": "admin"}, None, claims)


def test_what_a_token_lacks_is_empty(issuer: Issuer, verifier: Verifier) -> None:
    token = issuer.token(sid=None, acr=None, amr=None, auth_time=None)
    caller = verifier.check(request(token), Demand(kinds=["api_key"]))
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
        {"nbf": time.time() + 3600},
        {"nbf": "0"},
        {"iat": time.time() + 3600},
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
def test_what_does_not_parse_as_a_token_is_refused(verifier: Verifier, token: str) -> None:
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
        {"issuer": "https://"},
        {"issuer": "http://auth.example.com"},
        {"issuer": "http://127.example.com"},
        {"issuer": "https://user:pw@auth.example.com"},
        {"issuer": "https://@auth.example.com"},
        {"issuer": "https://auth.example.com?x"},
        {"issuer": "https://auth.example.com?"},
        {"issuer": "https://auth.example.com/#"},
        {"issuer": "https://auth.example.com\n"},
        {"issuer": " https://auth.example.com"},
        {"issuer": "https://auth.exa\tmple.com"},
        {"issuer": None},
        {"algorithms": []},
        {"algorithms": "ES256"},
        {"algorithms": ["HS256"]},
        {"algorithms": ["none"]},
        {"public_url": "api.example.com"},
        {"public_url": "https://api.example.com/?a"},
        {"public_url": "https://api.example.com\n"},
        {"stale_after": float("nan")},
        {"stale_after": -1},
    ],
)
def test_unusable_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"issuer|algorithms|public_url|stale_after"):
        Verifier(**({"issuer": "https://auth.example.com"} | settings))


SCRIPT = {"sid": None, "acr": None, "amr": None, "auth_time": None}
SERVICE = SCRIPT | {"sub": "vestibule"}
APPLICATION = {"client_id": "shop", "scope": "openid orders"}
FORBIDDEN = (403, None)
NO_SCOPE = (403, 'Bearer error="insufficient_scope", scope="orders"')


@pytest.mark.parametrize(
    ("kind", "claims", "demand"),
    [
        ("user", {}, Demand()),
        ("application", APPLICATION, Demand(scope="orders")),
        ("service", SERVICE, Demand(kinds=["service"])),
        ("api_key", SCRIPT, Demand(kinds=["api_key"])),
    ],
)
def test_a_route_is_for_users_in_person_unless_it_says_otherwise(
    issuer: Issuer, verifier: Verifier, kind: str, claims: dict[str, Any], demand: Demand
) -> None:
    token = issuer.token(**claims)
    assert verifier.check(request(token), demand).kind == kind
    if kind != "user":
        assert refusal(verifier, request(token)) == FORBIDDEN
        assert refusal(verifier, request(issuer.token()), demand) == FORBIDDEN


def test_users_in_person_need_no_scope_and_the_others_do(issuer: Issuer, verifier: Verifier) -> None:
    demand = Demand(scope="orders", kinds=["user", "application"])
    assert verifier.check(request(issuer.token()), demand).kind == "user"
    assert verifier.check(request(issuer.token(**APPLICATION)), demand).kind == "application"
    assert refusal(verifier, request(issuer.token(scope="orders:read")), demand) == NO_SCOPE
    assert refusal(verifier, request(issuer.token(**SERVICE)), Demand(scope="orders")) == NO_SCOPE


STEP_UP = 'Bearer error="insufficient_user_authentication"'


@pytest.mark.parametrize(
    ("demand", "changes", "expected"),
    [
        (Demand(role="admin"), {}, FORBIDDEN),
        (Demand(role="admin"), {"roles": ["administrator"]}, FORBIDDEN),
        (Demand(role=["admin", "editor"]), {"roles": ["admin"]}, FORBIDDEN),
        (Demand(permission="posts:write"), {"permissions": ["posts"]}, FORBIDDEN),
        (Demand(acr="aal2"), {"acr": "aal1"}, (401, f'{STEP_UP}, acr_values="aal2"')),
        (Demand(acr="aal2"), {"acr": "aal3"}, (401, f'{STEP_UP}, acr_values="aal2"')),
        (Demand(acr="aal1"), {"acr": None}, (401, STEP_UP)),
        (Demand(max_age=60), {"acr": "aal1"}, (401, f'{STEP_UP}, acr_values="aal2", max_age="60"')),
        (Demand(max_age=60), {"auth_time": time.time() - 70}, (401, f'{STEP_UP}, acr_values="aal2", max_age="60"')),
        (Demand(max_age=60), {"auth_time": None}, (401, f'{STEP_UP}, acr_values="aal2", max_age="60"')),
        (Demand(max_age=60, acr="aal1"), {"auth_time": time.time() - 70}, (401, f'{STEP_UP}, max_age="60"')),
        (Demand(amr="pop"), {}, (401, STEP_UP)),
        # The service withholds a role that requires a second factor until there is one.
        (Demand(role="admin", acr="aal2"), {"acr": "aal1"}, (401, f'{STEP_UP}, acr_values="aal2"')),
        # There is no user who could give a proof.
        (Demand(kinds=["service"], max_age=60), SERVICE, FORBIDDEN),
    ],
)
def test_what_a_route_demands(
    issuer: Issuer, verifier: Verifier, demand: Demand, changes: dict[str, Any], expected: tuple[int, str | None]
) -> None:
    assert refusal(verifier, request(issuer.token(**changes)), demand) == expected


def test_a_demand_that_is_met_changes_nothing(issuer: Issuer, verifier: Verifier) -> None:
    demand = Demand(role=["admin", "editor"], permission="posts:write", acr="aal2", amr="otp", max_age=300)
    token = issuer.token(roles=["admin", "editor"], permissions=["posts:write"])
    assert verifier.check(request(token), demand).subject == "jo"
    weak = issuer.token(acr="aal1", auth_time=time.time() - 70)
    assert verifier.check(request(weak), Demand(acr="aal1", max_age=100)).subject == "jo"


@pytest.mark.parametrize(
    "demand",
    [
        {"role": None},
        *(
            {name: empty}
            for name in ("role", "permission", "scope", "amr", "kinds")
            for empty in ("", [], {}, set(), ())
        ),
        {"role": iter(())},
        {"role": "two words"},
        {"role": 'a"b'},
        {"role": [7]},
        {"kinds": ["robot"]},
        {"kinds": ["application"]},
        {"kinds": ["user"], "scope": "orders"},
        {"scope": "é"},
        *({"max_age": max_age} for max_age in (0, -1, True, 0.5, float("nan"), float("inf"), "300")),
        {"acr": "aal3"},
    ],
)
def test_an_unusable_demand_is_refused(demand: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|need|have"):
        Demand(**demand)


def test_a_demand_can_be_made_from_another() -> None:
    assert replace(Demand(role="editor"), max_age=60) == Demand(role="editor", max_age=60, kinds=["user"], acr=None)


def test_the_body_says_what_the_header_says(issuer: Issuer, verifier: Verifier) -> None:
    with pytest.raises(Refused) as caught:
        verifier.check(request(issuer.token()), Demand(max_age=60, amr="pop"))
    code = "insufficient_user_authentication"
    assert caught.value.body == {"code": code, "acr_values": "aal2", "max_age": 60, "amr": ["pop"]}
    assert caught.value.headers["Cache-Control"] == "no-store"


def test_the_reason_is_for_the_log_only(issuer: Issuer, verifier: Verifier, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "vestibule_verify")
    with pytest.raises(Refused, match="expired") as caught:
        verifier.check(request(issuer.token(exp=time.time() - 60)))
    assert "expired" not in str(caught.value.headers)
    assert caplog.messages == ["refused with 401: expired"]
