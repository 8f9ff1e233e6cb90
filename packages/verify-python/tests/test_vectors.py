"""The test vectors of a real service: each token and each request, as the service says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from conftest import request
from service import Service, call
from vestibule_verify import Demand, Refused, Verifier

# Which kinds of callers a route is for is another question. All tokens of applications here have this scope.
ANY = Demand(kinds=["user", "application", "service", "api_key"], scope="orders:read")


@pytest.fixture(scope="module")
def vectors() -> Iterator[dict[str, Any]]:
    """What `/dev/test-vectors` answers. Proofs are fresh for a minute."""
    service = Service()
    yield call("GET", f"{service.url}/dev/test-vectors").json()
    service.stop()


def accepts(verifier: Verifier, **sent: Any) -> bool:
    """Returns whether a request is served. A refusal must be a 401 with a challenge."""
    try:
        verifier.check(request(**sent), ANY)
    except Refused as refused:
        assert refused.status == 401, refused
        assert refused.headers["WWW-Authenticate"].startswith(("Bearer", "DPoP"))
        return False
    return True


def test_every_token_is_accepted_or_refused_as_it_must_be(vectors: dict[str, Any]) -> None:
    audiences = {vector["audience"] for vector in vectors["vectors"]}
    verifiers = {audience: Verifier(vectors["issuer"], audience) for audience in audiences}
    for vector in vectors["vectors"]:
        assert accepts(verifiers[vector["audience"]], token=vector["token"]) == vector["accept"], vector
    # What one audience accepts, the others refuse.
    for vector in filter(lambda vector: vector["accept"], vectors["vectors"]):
        for audience in audiences - {vector["audience"]}:
            assert not accepts(verifiers[audience], token=vector["token"]), vector
    assert {vector["accept"] for vector in vectors["vectors"]} == {True, False}
    for verifier in verifiers.values():
        verifier.close()


def test_every_request_with_a_proof_is_accepted_or_refused_as_it_must_be(vectors: dict[str, Any]) -> None:
    for vector in vectors["dpop"]:
        # One each, because all have the same proof but for the mistake.
        verifier = Verifier(vectors["issuer"], vector["audience"], public_url="https://api.example.com")
        assert vector["url"] == "https://api.example.com/orders/7"
        sent = {"method": vector["method"], "path": "/orders/7", "proof": vector["proof"]}
        assert accepts(verifier, token=vector["token"], scheme=vector["scheme"], **sent) == vector["accept"], vector
        verifier.close()
    assert {vector["accept"] for vector in vectors["dpop"]} == {True, False}
