"""What the tests share: issuers, verifiers and requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from issuer import Issuer
from vestibule_verify import Demand, Refused, Request, Verifier


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An issuer of its own for a test."""
    made = Issuer()
    yield made
    made.stop()


@pytest.fixture
def verifier_of() -> Iterator[Callable[..., Verifier]]:
    """Makes verifiers that are closed at the end."""
    made: list[Verifier] = []

    def make(*settings: Any, **more: Any) -> Verifier:
        made.append(Verifier(*settings, **more))
        return made[-1]

    yield make
    for verifier in made:
        verifier.close()


def request(token: str | None, scheme: str = "Bearer", **changes: Any) -> Request:
    """Returns a request with a token."""
    authorization = None if token is None else f"{scheme} {token}"
    sent: dict[str, Any] = {"method": "GET", "path": "/", "proof": None, "memory": {}}
    return Request(**(sent | {"authorization": authorization} | changes))


def refusal(verifier: Verifier, sent: Request, demand: Demand | None = None) -> tuple[int, str | None]:
    """Returns the status of a refusal, and its challenge or when to try again. Fails if the request is served."""
    with pytest.raises(Refused) as caught:
        verifier.check(sent, demand or Demand())
    headers = caught.value.headers
    return caught.value.status, headers.get("WWW-Authenticate") or headers.get("Retry-After")
