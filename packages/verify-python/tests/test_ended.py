"""The list of ended sessions: a logout counts within seconds, and answers that cannot be trusted do not."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from conftest import refusal, request
from issuer import Issuer, SigningKey
from vestibule_verify import Demand, Verifier

Make = Callable[..., Verifier]
INVALID = (401, 'Bearer error="invalid_token"')
WITHIN = 5


def answers_within(seconds: float, verifier: Verifier, token: str, expected: tuple[int, str | None] | None) -> bool:
    """Returns whether a refusal comes within some seconds. `None`: the request is served."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            verifier.check(request(token))
            found = None
        except Exception as refused:  # what it is, the comparison below says
            headers: dict[str, str] = getattr(refused, "headers", {})
            found = (getattr(refused, "status", 0), headers.get("WWW-Authenticate") or headers.get("Retry-After"))
        if found == expected:
            return True
        time.sleep(0.05)
    return False


def test_a_session_that_ended_before_is_refused_from_the_first_request_on(issuer: Issuer, verifier_of: Make) -> None:
    issuer.ended = ["gone"]
    verifier = verifier_of(issuer.url)
    assert refusal(verifier, request(issuer.token(sid="gone"))) == INVALID
    assert verifier.check(request(issuer.token())).session_id == "session"
    assert verifier.check(request(issuer.token(sid=None)), Demand(kinds=["api_key"])).session_id is None


def test_an_end_counts_within_seconds(issuer: Issuer, verifier_of: Make) -> None:
    verifier = verifier_of(issuer.url)
    token = issuer.token()
    verifier.check(request(token))
    issuer.ended = ["session"]
    assert answers_within(WITHIN, verifier, token, INVALID)
    # The list has only what is new; the verifier remembers.
    issuer.ended = []
    time.sleep(1.5)
    assert refusal(verifier, request(token)) == INVALID


def test_the_next_request_continues_where_the_last_answer_ended(issuer: Issuer, verifier_of: Make) -> None:
    asked: list[str] = []
    plain = issuer.answer

    def noting(path: str, query: dict[str, list[str]]) -> bytes:
        if path == "/ended":
            asked.append(query.get("after", [""])[0])
            page = len(asked)
            issuer.ended, issuer.ended_claims = [f"s{page}"], {"cursor": f"c&{page}", "more": page < 3}
        return plain(path, query)

    issuer.answer = noting  # type: ignore[method-assign]
    verifier = verifier_of(issuer.url)
    assert verifier.check(request(issuer.token())).subject == "jo"
    assert asked == ["", "c&1", "c&2"]
    for page in (1, 2, 3):
        assert refusal(verifier, request(issuer.token(sid=f"s{page}"))) == INVALID


def test_what_is_remembered_is_forgotten_when_it_does_not_matter(issuer: Issuer, verifier_of: Make) -> None:
    issuer.ended, issuer.ended_claims = ["session"], {"exp": int(time.time()) - 2}
    verifier = verifier_of(issuer.url)
    assert verifier.check(request(issuer.token())).session_id == "session"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iat": time.time() - 60},
        {"iat": time.time() + 3600},
        {"exp": time.time() - 60},
        {"after": "of another reader"},
        {"after": None},
        {"ended": "session"},
        {"ended": [7]},
        {"cursor": 7},
        {"more": "no"},
    ],
)
def test_what_cannot_be_trusted_is_not_used(issuer: Issuer, verifier_of: Make, claims: dict[str, Any]) -> None:
    issuer.ended_claims = claims
    assert refusal(verifier_of(issuer.url), request(issuer.token())) == (503, "5")


def test_the_list_of_another_signer_is_not_used(issuer: Issuer, verifier_of: Make) -> None:
    thief, plain = SigningKey(), issuer.answer
    thief.kid = issuer.key.kid

    def forging(path: str, query: dict[str, list[str]]) -> bytes:
        if path != "/ended":
            return plain(path, query)
        now = int(time.time())
        return thief.sign(issuer.claims(ended=[], cursor=f"{now}", more=False), typ="ended+jwt").encode()

    issuer.answer = forging  # type: ignore[method-assign]
    assert refusal(verifier_of(issuer.url), request(issuer.token())) == (503, "5")


def test_an_access_token_is_not_a_list(issuer: Issuer, verifier_of: Make) -> None:
    plain = issuer.answer
    token = issuer.token(ended=[], cursor="", more=False)
    issuer.answer = lambda path, query: token.encode() if path == "/ended" else plain(path, query)  # type: ignore[method-assign]
    assert refusal(verifier_of(issuer.url), request(token)) == (503, "5")


def test_a_service_that_does_not_repeat_the_cursor_is_understood(issuer: Issuer, verifier_of: Make) -> None:
    plain = issuer.answer

    def older(path: str, query: dict[str, list[str]]) -> bytes:
        if path != "/ended":
            return plain(path, query)
        now = int(time.time())
        claims = {"iss": issuer.url, "iat": now, "exp": now + 600, "ended": [], "cursor": f"{now}", "more": False}
        return issuer.key.sign(claims, typ="ended+jwt").encode()

    issuer.answer = older  # type: ignore[method-assign]
    assert verifier_of(issuer.url).check(request(issuer.token())).subject == "jo"


def test_without_the_list_the_answer_is_503_until_it_is_back(issuer: Issuer, verifier_of: Make) -> None:
    verifier, token = verifier_of(issuer.url, stale_after=2), issuer.token()
    verifier.check(request(token))
    issuer.status = 500
    assert verifier.check(request(token)).subject == "jo"
    assert answers_within(6, verifier, token, (503, "5"))
    issuer.status = 200
    assert answers_within(6, verifier, token, None)


def test_an_operator_may_serve_without_the_list(issuer: Issuer, verifier_of: Make) -> None:
    issuer.ended_claims = {"iss": "https://evil.example"}
    for settings in ({"stale_after": float("inf")}, {"ended_sessions": False}):
        assert verifier_of(issuer.url, **settings).check(request(issuer.token())).subject == "jo"


def test_an_outage_is_logged_once(issuer: Issuer, verifier_of: Make, caplog: pytest.LogCaptureFixture) -> None:
    issuer.ended_claims = {"iss": "https://evil.example"}
    verifier, token = verifier_of(issuer.url), issuer.token()
    assert refusal(verifier, request(token)) == (503, "5")
    time.sleep(2.5)
    issuer.ended_claims = {}
    assert answers_within(WITHIN, verifier, token, None)
    assert caplog.messages == [
        "the list of ended sessions: Invalid issuer",
        "the list of ended sessions: it can be read again",
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_process_reads_for_itself(issuer: Issuer, verifier_of: Make) -> None:
    verifier, token = verifier_of(issuer.url), issuer.token()
    verifier.check(request(token))
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if answers_within(WITHIN, verifier, token, INVALID) else 1
        finally:
            # The child must not continue with the tests.
            os._exit(status)
    issuer.ended = ["session"]
    assert os.waitpid(child, 0)[1] == 0
