"""The verifier, which all frameworks share."""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._caller import Caller
from ._demand import Demand
from ._dpop import ALGORITHMS as ALGORITHMS_OF_PROOFS
from ._dpop import InvalidProof, ProofChecker, ProofMemory, ProofNotRemembered
from ._ended import EndedSessions
from ._errors import Refused
from ._keys import Keys, KeysUnavailable
from ._tokens import ACCESS_TOKEN, ALGORITHMS, InvalidToken, Reader
from ._urls import is_safe

logger = logging.getLogger("vestibule_verify")

_ANYTHING = Demand()
_CALLER = "vestibule_verify.caller"
# How many threads of an asynchronous back end may wait for the service. They wait for the same answer.
WAITING_THREADS = 4


@dataclass(frozen=True)
class Request:
    """What the verifier reads of a request."""

    #: The method, in capitals.
    method: str
    #: The decoded path, from the root of the server.
    path: str
    #: The header `Authorization`; several are joined by commas.
    authorization: str | None
    #: The header `DPoP`; several are joined by commas.
    proof: str | None
    #: Lives as long as the request: the scope of ASGI, the environment of WSGI. A token is verified once in each.
    memory: MutableMapping[str, Any]


class Verifier:
    """Verifies access tokens of one Vestibule. Make one for the application. Threads may share it.

    `issuer`: the URL of the service, as `issuer` in its metadata has it. It is of https, or of http on this machine.

    `audience`: what tokens for this back end have as `aud`: `VESTIBULE_AUDIENCE` of the service, or the resource that
    applications get tokens for. By default the issuer, as in the service.

    `algorithms`: what the service may sign with, of `ES256`, `EdDSA` and `RS256`.

    `ended_sessions`: whether to read the list of ended sessions every second, so that a logout counts within five
    seconds. Without, it counts when the token expires.

    `stale_after`: after how many seconds without that list requests are answered 503. With `float("inf")` they are
    served, and logouts seen late.

    `public_url`: what comes before the path in the URLs that clients call, such as `https://api.example.com`. With it,
    tokens that are bound to a key (DPoP) are accepted, with proofs for these URLs. Without it they are refused.

    `remember_proof`: a function that is given a text and a number of seconds. It returns whether the text is new, and
    remembers it for these seconds. By default each process remembers for itself; with a store that processes share, a
    proof counts once for all of them. If the function raises an exception, the answer is 503.

    Raises `ValueError` if a setting is not usable.
    """

    def __init__(
        self,
        issuer: str,
        audience: str | None = None,
        *,
        algorithms: Sequence[str] = ("ES256",),
        ended_sessions: bool = True,
        stale_after: float = 15,
        public_url: str | None = None,
        remember_proof: Callable[[str, float], bool] | None = None,
    ) -> None:
        if not is_safe(issuer):
            raise ValueError(f"issuer is not a plain URL of https, or of http on this machine: {issuer!r}")
        if isinstance(algorithms, str) or not algorithms or not set(algorithms) <= set(ALGORITHMS):
            raise ValueError(f"algorithms must be some of {', '.join(ALGORITHMS)}: {algorithms!r}")
        # Nothing is older than NaN.
        if not stale_after > 0:
            raise ValueError(f"stale_after must be a number of seconds: {stale_after!r}")
        self._audience = audience or issuer
        self._stale_after = stale_after
        keys = Keys(issuer)
        self._reader = Reader(issuer, tuple(algorithms), keys)
        self._ended = EndedSessions(keys, self._reader) if ended_sessions else None
        remember = remember_proof or ProofMemory().remember
        self._proofs = ProofChecker(public_url, remember) if public_url is not None else None

    def check(self, request: Request, demand: Demand = _ANYTHING) -> Caller:
        """Returns who is calling. May wait for the service for some seconds, so asynchronous code calls it on a thread.

        Raises `Refused` with what to answer instead.
        """
        used, token = self._presented(request)
        try:
            # A second look at the same request would find its proof used.
            caller = self._known(request) or self._verify(request, used, token)
            request.memory[_CALLER] = (self, caller)
            demand.check(caller)
        except Refused as refused:
            refused.add_challenge(used, " ".join(ALGORITHMS_OF_PROOFS) if self._proofs is not None else None)
            logger.debug("refused with %d: %s", refused.status, refused)
            raise
        return caller

    def may_wait(self, request: Request) -> bool:
        """Returns whether `check` may wait for the service. Asynchronous code keeps such requests to a few threads."""
        used, token = self._presented(request)
        if used is None:
            return False
        return self._reader.may_wait(token) or (self._ended is not None and not self._ended.has_begun())

    def close(self) -> None:
        """Stops reading the list of ended sessions. For tests: an application needs a verifier to its end."""
        if self._ended is not None:
            self._ended.stop()

    def _presented(self, request: Request) -> tuple[str | None, str]:
        """Returns the scheme of the request, if it is one that is accepted, and the token."""
        scheme, _, token = (request.authorization or "").partition(" ")
        accepted = {"bearer": "Bearer"} if self._proofs is None else {"bearer": "Bearer", "dpop": "DPoP"}
        return accepted.get(scheme.lower()), token.strip()

    def _known(self, request: Request) -> Caller | None:
        verifier, caller = request.memory.get(_CALLER, (None, None))
        return caller if verifier is self else None

    def _verify(self, request: Request, used: str | None, token: str) -> Caller:
        if used is None:
            raise Refused("invalid_token", "there is no access token")
        try:
            caller = Caller.of(self._reader.read(token, ACCESS_TOKEN, self._audience))
            self._check_session(caller)
            self._check_binding(caller, used, token, request)
        except InvalidToken as error:
            raise Refused("invalid_token", str(error)) from error
        except InvalidProof as error:
            raise Refused("invalid_dpop_proof", str(error)) from error
        except KeysUnavailable as error:
            raise Refused("service_unavailable", "the keys of the issuer cannot be fetched") from error
        except ProofNotRemembered as error:
            raise Refused("service_unavailable", f"the memory of proofs: {error}") from error
        return caller

    def _check_session(self, caller: Caller) -> None:
        if self._ended is None:
            return
        if self._ended.age() > self._stale_after:
            raise Refused("service_unavailable", "the list of ended sessions cannot be read")
        if caller.session_id is not None and caller.session_id in self._ended:
            raise InvalidToken("the session has ended")

    def _check_binding(self, caller: Caller, used: str, token: str, request: Request) -> None:
        """A bound token counts with a proof by its key, and no other token under the same scheme (RFC 9449 §7.1)."""
        if (caller.key is not None) != (used == "DPoP"):
            raise InvalidToken(f"the scheme of this token is not {used}")
        if caller.key is not None and self._proofs is not None:
            if request.proof is None:
                raise InvalidProof("there is no proof")
            self._proofs.check(request.proof, request.method, request.path, token, caller.key)
