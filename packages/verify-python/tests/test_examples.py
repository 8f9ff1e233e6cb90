"""The examples in fresh projects, with the wheel and real servers, and users of a real service."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import back_end
import pytest
from back_end import BackEnd, Project
from issuer import Issuer
from service import PASSWORD, Answer, Holder, Service, User, call

pytestmark = pytest.mark.skipif(back_end.WHEEL is None, reason="VESTIBULE_VERIFY_WHEEL names the wheel to install")
BOTH = 'DPoP algs="ES256 EdDSA Ed25519 PS256 RS256"'
INVALID = f'Bearer error="invalid_token", {BOTH}'
STEP_UP = f'Bearer error="insufficient_user_authentication", acr_values="aal2", max_age="300", {BOTH}'


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """The service of all back ends."""
    made = Service()
    yield made
    made.stop()


@pytest.fixture(scope="module", params=back_end.SERVERS)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A fresh project for each server."""
    return back_end.make(request.param, tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def running(project: Project, service: Service) -> Iterator[BackEnd]:
    """The project's server."""
    started = project.start(service.url)
    yield started
    started.stop()


@pytest.fixture
def user(service: Service) -> User:
    """A user of its own for a test."""
    return service.sign_up()


def get(running: BackEnd, path: str, token: str) -> Answer:
    """Sends a request with a bearer token."""
    return call("POST" if path == "/payments" else "GET", running.url + path, Authorization=f"Bearer {token}")


def challenge(answer: Answer) -> tuple[int, str | None]:
    """Returns the status and the challenge."""
    return answer.status, answer.headers.get("www-authenticate")


def test_without_a_token_the_answer_is_401(running: BackEnd) -> None:
    for method, path in [("GET", "/me"), ("GET", "/reports"), ("POST", "/payments")]:
        assert challenge(call(method, running.url + path)) == (401, f"Bearer, {BOTH}")


def test_a_user_is_known(running: BackEnd, service: Service, user: User) -> None:
    answer = get(running, "/me", user.access_token)
    sub = call("GET", f"{service.url}/me", Authorization=f"Bearer {user.access_token}").json()["id"]
    assert (answer.status, answer.json()) == (200, {"sub": sub})


def test_a_forged_token_is_refused(running: BackEnd, service: Service) -> None:
    issuer = Issuer()
    issuer.stop()
    assert challenge(get(running, "/me", issuer.token(iss=service.url, aud=service.url))) == (401, INVALID)
    assert challenge(get(running, "/me", "é")) == (401, INVALID)


def test_a_role_is_required(running: BackEnd, service: Service, user: User) -> None:
    assert challenge(get(running, "/reports", user.access_token)) == (403, None)
    service.operate("users", "grant", user.email, "editor", "--unverified")
    next_tokens = service.post("/token/refresh", {"refresh_token": user.tokens["refresh_token"]})
    assert get(running, "/reports", next_tokens["access_token"]).status == 200


def test_a_step_up_gives_what_a_password_does_not(running: BackEnd, service: Service, user: User) -> None:
    assert get(running, "/payments", user.access_token).status == 200
    login = {"email": user.email, "password": PASSWORD, "device_token": user.tokens["device_token"]}
    weak = service.post("/login", login)["access_token"]
    assert get(running, "/me", weak).status == 200
    assert challenge(get(running, "/payments", weak)) == (401, STEP_UP)
    proof = {"code": user.tokens["recovery_codes"][0]}
    strong = service.post("/step-up", proof, Authorization=f"Bearer {weak}")["access_token"]
    assert get(running, "/payments", strong).status == 200


def test_a_logout_counts_within_five_seconds(running: BackEnd, service: Service, user: User) -> None:
    assert get(running, "/me", user.access_token).status == 200
    service.post("/logout", {"refresh_token": user.tokens["refresh_token"]})
    time.sleep(5)
    # More often than there are processes.
    for _ in range(10):
        assert challenge(get(running, "/me", user.access_token)) == (401, INVALID)


def test_a_bound_token_needs_a_proof(running: BackEnd, service: Service) -> None:
    holder = Holder()
    user = service.sign_up(holder)
    assert user.tokens["token_type"] == "DPoP"
    token = user.access_token

    def present(proof: str | None, path: str = "/me") -> Answer:
        headers: dict[str, Any] = {} if proof is None else {"DPoP": proof}
        return call("GET", running.url + path, Authorization=f"DPoP {token}", **headers)

    proof = holder.proof("GET", f"{running.url}/me", token)
    assert present(proof).status == 200
    for wrong in [
        None,
        Holder().proof("GET", f"{running.url}/me", token),
        holder.proof("GET", f"{running.url}/reports", token),
        holder.proof("POST", f"{running.url}/me", token),
        holder.proof("GET", f"{running.url}/me", "another token"),
    ]:
        status, asked = challenge(present(wrong))
        assert (status, (asked or "").split(",")[0]) == (401, 'DPoP error="invalid_dpop_proof"')
    assert challenge(get(running, "/me", token)) == (401, INVALID)


def test_without_keys_the_answer_is_503(project: Project) -> None:
    gone = Issuer()
    gone.stop()
    alone = project.start(gone.url)
    answer = get(alone, "/me", gone.token())
    assert (answer.status, answer.headers.get("retry-after")) == (503, "5")
    alone.stop()


def test_the_pages_show_the_examples() -> None:
    readme = (back_end.PACKAGE / "README.md").read_text()
    recipes = (back_end.PACKAGE.parents[1] / "docs/FRAMEWORKS.md").read_text()
    files = list((back_end.PACKAGE / "examples").rglob("*.py"))
    assert len(files) == 6
    for path in files:
        assert path.parts[-2] != "fastapi" or path.read_text() in recipes
        assert f"```python\n{path.read_text()}```" in readme, path
