"""The rules by which keys are cached, with a server that fails, rotates, redirects and drips."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from conftest import refusal, request
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from issuer import Issuer
from vestibule_verify import Verifier
from vestibule_verify._fetch import LONGEST_ANSWER, FetchError, fetch
from vestibule_verify._keys import FRESH_FOR, PAUSE, TIMEOUT, USED_FOR, Keys, KeysUnavailable

Make = Callable[..., Verifier]
KEYS = "/keys"


class Clock:
    """A monotonic clock that tests move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock of its own for a test."""
    return Clock()


@pytest.fixture
def keys(issuer: Issuer, clock: Clock) -> Keys:
    """The keys of the issuer, which nothing fetched yet."""
    return Keys(issuer.url, clock)


def test_the_keys_are_fetched_when_the_first_token_comes_and_after_300_seconds(
    issuer: Issuer, keys: Keys, clock: Clock
) -> None:
    assert issuer.requests[KEYS] == 0
    for _ in range(3):
        assert keys.find(issuer.key.kid)
    assert issuer.requests[KEYS] == 1
    clock.now += FRESH_FOR - 1
    assert keys.find(issuer.key.kid)
    assert issuer.requests[KEYS] == 1
    clock.now += 1
    assert keys.find(issuer.key.kid)
    assert issuer.requests[KEYS] == 2


def test_a_withdrawn_key_is_forgotten(issuer: Issuer, keys: Keys, clock: Clock) -> None:
    old = issuer.key.kid
    issuer.rotate()
    assert keys.find(old)
    issuer.published = [issuer.key.public()]
    assert keys.find(old)
    clock.now += FRESH_FOR
    assert keys.find(old) is None


def test_a_key_of_a_rotation_is_found_at_once(issuer: Issuer, keys: Keys, clock: Clock) -> None:
    assert keys.find(issuer.key.kid)
    clock.now += PAUSE
    issuer.rotate()
    assert keys.find(issuer.key.kid)
    assert issuer.requests[KEYS] == 2


def test_invented_ids_cause_one_request_in_five_seconds(issuer: Issuer, keys: Keys, clock: Clock) -> None:
    assert keys.find(issuer.key.kid)
    for _ in range(20):
        for number in range(20):
            assert keys.find(f"invented {number}") is None
        clock.now += 1
    assert issuer.requests[KEYS] == 4


def test_many_threads_cause_one_request(issuer: Issuer, keys: Keys) -> None:
    issuer.pause_between_bytes = 0.0005
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(keys.find(issuer.key.kid))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    assert None not in found
    assert issuer.requests[KEYS] == 1


def test_while_one_thread_fetches_again_the_others_do_not_wait(issuer: Issuer, keys: Keys, clock: Clock) -> None:
    assert keys.find(issuer.key.kid)
    clock.now += FRESH_FOR
    issuer.pause_between_bytes = 0.05
    slow = threading.Thread(target=keys.find, args=(issuer.key.kid,))
    slow.start()
    while issuer.requests["/.well-known/openid-configuration"] < 2:
        time.sleep(0.01)
    started = time.monotonic()
    assert keys.find(issuer.key.kid)
    assert slow.is_alive()
    assert time.monotonic() - started < TIMEOUT / 2
    slow.join()


def test_the_keys_are_used_for_an_hour_while_the_service_is_down(issuer: Issuer, keys: Keys, clock: Clock) -> None:
    kid = issuer.key.kid
    assert keys.find(kid)
    issuer.status = 500
    clock.now += FRESH_FOR
    assert keys.find(kid)
    clock.now += USED_FOR - FRESH_FOR - 1
    assert keys.find(kid)
    clock.now += 1
    with pytest.raises(KeysUnavailable):
        keys.find(kid)
    issuer.status = 200
    clock.now += PAUSE
    assert keys.find(kid)


def test_without_keys_each_attempt_is_five_seconds_after_the_last(issuer: Issuer, keys: Keys, clock: Clock) -> None:
    issuer.status = 503
    for _ in range(10):
        with pytest.raises(KeysUnavailable):
            keys.find(issuer.key.kid)
        clock.now += 1
    assert sum(issuer.requests.values()) == 2
    issuer.status = 200
    assert keys.find(issuer.key.kid)


def test_without_keys_the_answer_is_503(issuer: Issuer, verifier_of: Make) -> None:
    issuer.status = 500
    assert refusal(verifier_of(issuer.url), request(issuer.token())) == (503, "5")


def test_while_the_service_fails_an_unknown_key_does_not_sign_the_user_out(
    issuer: Issuer, keys: Keys, clock: Clock
) -> None:
    old = issuer.key.kid
    assert keys.find(old)
    issuer.rotate()
    issuer.status = 500
    clock.now += PAUSE
    for _ in range(2):
        with pytest.raises(KeysUnavailable):
            keys.find(issuer.key.kid)
        assert keys.find(old)
    issuer.status = 200
    clock.now += PAUSE
    assert keys.find(issuer.key.kid)
    assert keys.find("invented") is None


def test_a_service_that_cannot_be_reached_is_503(verifier_of: Make) -> None:
    gone = Issuer()
    gone.stop()
    assert refusal(verifier_of(gone.url), request(gone.token())) == (503, "5")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("issuer", "https://evil.example"),
        ("jwks_uri", "file:///etc/passwd"),
        ("jwks_uri", None),
        ("jwks_uri", "http://["),
        ("jwks_uri", "http://localhost:port/"),
        ("jwks_uri", "http://a b/"),
        ("ended_sessions_endpoint", ["x"]),
    ],
)
def test_metadata_that_cannot_be_trusted_is_not_used(issuer: Issuer, keys: Keys, name: str, value: object) -> None:
    issuer.metadata = {name: value}
    with pytest.raises(KeysUnavailable):
        keys.find(issuer.key.kid)
    assert issuer.requests[KEYS] == (1 if name == "ended_sessions_endpoint" else 0)


def test_a_secure_issuer_has_secure_keys(issuer: Issuer) -> None:
    metadata = {"jwks_uri": "http://auth.example.com/keys"}
    with pytest.raises(FetchError, match="unusable jwks_uri"):
        Keys("https://auth.example.com")._url_in(metadata, "jwks_uri")


def test_keys_that_are_not_understood_are_ignored(issuer: Issuer, keys: Keys) -> None:
    issuer.published += [{"kty": "??", "kid": "a"}, {"kid": "b"}, {"kty": "EC"}, "c", {**issuer.published[0], "kid": 7}]
    issuer.published.append({**issuer.published[0], "kid": "d", "use": "enc"})
    assert keys.find(issuer.key.kid)
    assert [keys.find(kid) for kid in "abcd"] == [None] * 4


def test_a_set_without_usable_keys_is_not_a_set(issuer: Issuer, keys: Keys, clock: Clock) -> None:
    kid = issuer.key.kid
    assert keys.find(kid)
    issuer.published = []
    clock.now += FRESH_FOR
    assert keys.find(kid)


def test_an_answer_that_drips_ends_in_time(issuer: Issuer, keys: Keys) -> None:
    issuer.pause_between_bytes = 0.5
    started = time.monotonic()
    with pytest.raises(KeysUnavailable):
        keys.find(issuer.key.kid)
    assert TIMEOUT <= time.monotonic() - started < 2 * TIMEOUT


def test_a_header_that_drips_ends_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection = server.accept()[0]
            try:
                while True:
                    connection.sendall(b"H")
                    time.sleep(0.05)
            except OSError:
                connection.close()

        threading.Thread(target=drip, daemon=True).start()
        started = time.monotonic()
        with pytest.raises(FetchError):
            fetch(f"http://127.0.0.1:{server.getsockname()[1]}/", 0.5)
        assert 0.4 < time.monotonic() - started < 2


def test_a_redirect_is_not_followed(issuer: Issuer, keys: Keys) -> None:
    other = Issuer()
    other.key, other.published = issuer.key, issuer.published
    issuer.redirect_to = other.url
    with pytest.raises(KeysUnavailable):
        keys.find(issuer.key.kid)
    assert not other.requests
    other.stop()


def test_an_answer_has_a_megabyte_at_most(issuer: Issuer, keys: Keys, clock: Clock) -> None:
    issuer.padding = LONGEST_ANSWER
    with pytest.raises(KeysUnavailable):
        keys.find(issuer.key.kid)
    issuer.padding = LONGEST_ANSWER // 2
    clock.now += PAUSE
    assert keys.find(issuer.key.kid)


@pytest.fixture
def secure_issuer(tmp_path: Path) -> Iterator[Issuer]:
    """An issuer with TLS, and a certificate for `localhost` in `SSL_CERT_FILE`."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    file, encoding = tmp_path / "certificate.pem", serialization.Encoding.PEM
    key = private.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(certificate.public_bytes(encoding) + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    made = Issuer(context)
    made.certificate = file
    yield made
    made.stop()


def test_certificates_are_checked(secure_issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeysUnavailable):
        Keys(secure_issuer.url).find(secure_issuer.key.kid)
    monkeypatch.setenv("SSL_CERT_FILE", str(secure_issuer.certificate))
    assert Keys(secure_issuer.url).find(secure_issuer.key.kid)


def test_a_secure_answer_that_drips_ends_in_time(secure_issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(secure_issuer.certificate))
    secure_issuer.pause_between_bytes = 0.05
    started = time.monotonic()
    with pytest.raises(FetchError):
        fetch(f"{secure_issuer.url}/keys", 0.5)
    assert 0.4 < time.monotonic() - started < 2
