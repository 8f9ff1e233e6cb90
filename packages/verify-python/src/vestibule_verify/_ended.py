"""The list of ended sessions: read every second, so that a logout counts within seconds."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any
from urllib.parse import quote

from ._fetch import fetch
from ._json import is_texts
from ._keys import Keys, KeysUnavailable
from ._tokens import ENDED_SESSIONS, InvalidToken, Reader

logger = logging.getLogger("vestibule_verify")

PAUSE = 1
TIMEOUT = 1
# An older answer comes from a cache that does not keep to `max-age=1`.
OLDEST_ANSWER = 10


class EndedSessions:
    """The sessions that have ended while tokens of theirs may seem valid. Threads may share it."""

    def __init__(self, keys: Keys, reader: Reader) -> None:
        self._keys, self._reader = keys, reader
        self._until: dict[str, float] = {}
        self._cursor = ""
        self._read_at = -float("inf")
        self._reading = threading.Lock()
        self._stopped = threading.Event()
        self._process: int | None = None
        self._fails = False

    def age(self) -> float:
        """Returns how many seconds ago the list was read. The first call begins to read it, and waits for it."""
        if not self.has_begun():
            self._begin()
        return time.monotonic() - self._read_at

    def has_begun(self) -> bool:
        """Returns whether this process reads the list."""
        # A thread does not survive a fork: servers may load the application first, and fork afterwards.
        return self._process == os.getpid()

    def __contains__(self, session_id: str) -> bool:
        return session_id in self._until

    def stop(self) -> None:
        """Stops reading."""
        self._stopped.set()

    def _begin(self) -> None:
        with self._reading:
            if self.has_begun():
                return
            self._try_to_read()
            self._process = os.getpid()
            threading.Thread(target=self._read_until_stopped, name="vestibule-ended-sessions", daemon=True).start()

    def _read_until_stopped(self) -> None:
        while not self._stopped.wait(PAUSE):
            self._try_to_read()

    def _try_to_read(self) -> None:
        try:
            self._read()
            failure = ""
        except KeysUnavailable:
            failure = "there are no keys to verify it with"
        except Exception as error:
            # Of any kind: the thread must not end.
            failure = str(error) or repr(error)
        # Not with each attempt, which would be a line each second.
        if bool(failure) != self._fails:
            self._fails = bool(failure)
            logger.warning("the list of ended sessions: %s", failure or "it can be read again")

    def _read(self) -> None:
        url = self._keys.ended_sessions()
        more = True
        while more:
            body = fetch(f"{url}?after={quote(self._cursor, safe='')}", TIMEOUT)
            answer = self._reader.read(body.decode("latin-1"), ENDED_SESSIONS)
            ended, cursor, more = self._checked(answer)
            self._until |= {session_id: answer["exp"] for session_id in ended}
            self._cursor = cursor
        self._read_at, now = time.monotonic(), time.time()
        # Other threads only look up, so the dictionary may change.
        for session_id in [sid for sid, until in self._until.items() if until < now]:
            del self._until[session_id]

    def _checked(self, answer: dict[str, Any]) -> tuple[list[str], str, bool]:
        if time.time() - answer["iat"] > OLDEST_ANSWER:
            raise InvalidToken("the answer is old; it may come from a cache, or the clocks differ")
        # A cache that ignores the query would answer with what another cursor got. Older services do not repeat it.
        if answer.get("after", self._cursor) != self._cursor:
            raise InvalidToken("the answer is for another cursor")
        ended, cursor, more = (answer.get(name) for name in ("ended", "cursor", "more"))
        if not is_texts(ended) or not isinstance(cursor, str) or not isinstance(more, bool):
            raise InvalidToken("the claims are not those of the list")
        return ended, cursor, more
