"""The metadata of the issuer, and the keys that it signs with. Both are cached."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt

from ._fetch import FetchError, fetch
from ._json import as_list, as_object

logger = logging.getLogger("vestibule_verify")

# As the `Cache-Control` of the key set says.
FRESH_FOR = 300
# While the service cannot be reached. Afterwards the keys could have been withdrawn long ago, and every token that the
# service issued before has expired.
USED_FOR = 3600
# Between two attempts. Without it, tokens with invented `kid`s would cause a request each.
PAUSE = 5
TIMEOUT = 2


class KeysUnavailable(Exception):
    """There are no keys that are recent enough, and none could be fetched."""


@dataclass(frozen=True)
class Published:
    """What the issuer publishes. `keys`: by `kid`. `fetched_at`: by the monotonic clock."""

    keys: dict[str, jwt.PyJWK]
    ended_sessions: str | None
    fetched_at: float


class Keys:
    """The keys of an issuer. Threads may share it.

    `issuer`: the exact URL in the metadata. `clock`: a monotonic one, in seconds.
    """

    def __init__(self, issuer: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._clock = clock
        self._fetching = threading.Lock()
        self._published: Published | None = None
        self._tried_at = -float("inf")
        self._fails = False

    def find(self, kid: str) -> jwt.PyJWK | None:
        """Returns the key with an id. `None` if the issuer has no such key.

        Raises `KeysUnavailable`, also if the key is not among those that are cached, and no others can be fetched.
        """
        published = self._usable()
        if published is not None and kid in published.keys:
            self._refresh_if_due(published)
            return (self._usable() or published).keys.get(kid)
        # Other threads may fetch: wait for what they get.
        with self._fetching:
            published = self._usable()
            if (published is None or kid not in published.keys) and self._may_try():
                published = self._fetch() or published
        # The key may be a new one: "invalid_token" would sign its user out.
        if published is None or (self._fails and kid not in published.keys):
            raise KeysUnavailable
        return published.keys.get(kid)

    def has(self, kid: str) -> bool:
        """Returns whether the key with an id is known, so that no request waits for it."""
        published = self._usable()
        return published is not None and kid in published.keys

    def ended_sessions(self) -> str:
        """Returns the URL of the list of ended sessions. Raises `KeysUnavailable`, `FetchError`."""
        published = self._usable()
        if published is None:
            with self._fetching:
                published = self._usable() or (self._fetch() if self._may_try() else None)
        if published is None:
            raise KeysUnavailable
        if published.ended_sessions is None:
            raise FetchError("the metadata names no ended_sessions_endpoint")
        return published.ended_sessions

    def _usable(self) -> Published | None:
        published = self._published
        if published is not None and self._clock() - published.fetched_at < USED_FOR:
            return published
        return None

    def _refresh_if_due(self, published: Published) -> None:
        """Fetches in one thread. The others continue with the keys that they have."""
        if self._clock() - published.fetched_at < FRESH_FOR or not self._fetching.acquire(blocking=False):
            return
        try:
            if self._may_try():
                self._fetch()
        finally:
            self._fetching.release()

    def _may_try(self) -> bool:
        return self._clock() - self._tried_at >= PAUSE

    def _fetch(self) -> Published | None:
        try:
            metadata = _object_at(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            if metadata.get("issuer") != self._issuer:
                raise FetchError(f"the metadata is of another issuer: {metadata.get('issuer')!r}")
            keys = _signing_keys(_object_at(self._url_in(metadata, "jwks_uri")))
            ended = self._url_in(metadata, "ended_sessions_endpoint") if "ended_sessions_endpoint" in metadata else None
            self._published = Published(keys, ended, self._clock())
            self._fails = False
            return self._published
        except FetchError as error:
            self._fails = True
            logger.warning("the keys of the issuer could not be fetched: %s", error)
            return None
        finally:
            self._tried_at = self._clock()

    def _url_in(self, metadata: dict[str, Any], name: str) -> str:
        """Returns a URL of the metadata, which must be as safe on the way as the issuer's own."""
        url = metadata.get(name)
        schemes = ("https://",) if self._issuer.startswith("https://") else ("https://", "http://")
        if isinstance(url, str) and url.startswith(schemes):
            return url
        raise FetchError(f"the metadata has an unusable {name}: {url!r}")


def _object_at(url: str) -> dict[str, Any]:
    try:
        value = as_object(json.loads(fetch(url, TIMEOUT)))
    except (ValueError, RecursionError) as error:
        raise FetchError(f"{url}: not JSON") from error
    if value is None:
        raise FetchError(f"{url}: not a JSON object")
    return value


def _signing_keys(key_set: dict[str, Any]) -> dict[str, jwt.PyJWK]:
    found: dict[str, jwt.PyJWK] = {}
    for member in as_list(key_set.get("keys")):
        key = as_object(member) or {}
        kid = key.get("kid")
        if isinstance(kid, str) and key.get("use") in ("sig", None):
            # RFC 7517 §5: keys that are not understood are ignored.
            with contextlib.suppress(jwt.PyJWTError):
                found[kid] = jwt.PyJWK(key)
    if not found:
        raise FetchError("the key set has no usable key")
    return found
