"""The verifier, which all frameworks share."""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from . import _dpop
from ._caller import Caller, Demand
from ._dpop import InvalidProof, ProofChecker, ProofMemory, TooManyProofs
from ._ended import EndedSessions
from ._errors import Refused, challenge, unauthorized, unavailable
from ._keys import PAUSE, Keys, KeysUnavailable
from ._tokens import ACCESS_TOKEN, ALGORITHMS, InvalidToken, Reader

logger = logging.getLogger("vestibule_verify")

_ANYTHING = Demand()
_CALLER = "vestibule_verify.caller"


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

    `issuer`: the URL of the service, as `issuer` in its metadata has it.

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
    proof counts once for all of them.

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
        if urlsplit(issuer).scheme not in ("http", "https") or not urlsplit(issuer).hostname:
            raise ValueError(f"issuer is not a URL of http or https: {issuer!r}")
        if isinstance(algorithms, str) or not algorithms or not set(algorithms) <= set(ALGORITHMS):
            raise ValueError(f"algorithms must be some of {', '.join(ALGORITHMS)}: {algorithms!r}")
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
        try:
            # A second look at the same request would find its proof used.
            caller = self._known(request) or self._verify(request)
            request.memory[_CALLER] = (self, caller)
            demand.check(caller)
        except Refused as refused:
            logger.debug("refused with %d: %s", refused.status, refused)
            raise
        return caller

    def close(self) -> None:
        """Stops reading the list of ended sessions. For tests: an application needs a verifier to its end."""
        if self._ended is not None:
            self._ended.stop()

    def _known(self, request: Request) -> Caller | None:
        verifier, caller = request.memory.get(_CALLER, (None, None))
        return caller if verifier is self else None

    def _verify(self, request: Request) -> Caller:
        scheme, _, token = (request.authorization or "").partition(" ")
        presented = {"bearer": "Bearer", "dpop": "DPoP"}.get(scheme.lower())
        if presented is None or (presented == "DPoP" and self._proofs is None):
            raise Refused(401, "there is no access token", {"WWW-Authenticate": self._schemes()})
        try:
            caller = Caller.of(self._reader.read(token.strip(), ACCESS_TOKEN, self._audience))
            self._check_session(caller)
            self._check_binding(caller, presented, token.strip(), request)
        except InvalidToken as error:
            raise unauthorized(str(error), presented, error="invalid_token", **self._algorithms(presented)) from error
        except InvalidProof as error:
            refused = unauthorized(str(error), "DPoP", error="invalid_dpop_proof", **self._algorithms("DPoP"))
            raise refused from error
        except KeysUnavailable as error:
            raise unavailable("the keys of the issuer cannot be fetched", PAUSE) from error
        except TooManyProofs as error:
            raise unavailable("too many proofs of possession are remembered", _dpop.WINDOW) from error
        return caller

    def _check_session(self, caller: Caller) -> None:
        if self._ended is None:
            return
        if self._ended.age() > self._stale_after:
            raise unavailable("the list of ended sessions cannot be read", 1)
        if caller.session_id is not None and caller.session_id in self._ended:
            raise InvalidToken("the session has ended")

    def _check_binding(self, caller: Caller, presented: str, token: str, request: Request) -> None:
        """A bound token counts with a proof by its key, and no other token under the same scheme (RFC 9449 §7.1)."""
        if (caller.key is not None) != (presented == "DPoP"):
            raise InvalidToken(f"the scheme of this token is not {presented}")
        if caller.key is not None and self._proofs is not None:
            if request.proof is None:
                raise InvalidProof("there is no proof")
            self._proofs.check(request.proof, request.method, request.path, token, caller.key)

    def _schemes(self) -> str:
        """Returns the challenges of a request without a token."""
        bearer = challenge("Bearer")
        return bearer if self._proofs is None else f"{bearer}, {challenge('DPoP', **self._algorithms('DPoP'))}"

    @staticmethod
    def _algorithms(scheme: str) -> dict[str, str]:
        return {"algs": " ".join(_dpop.ALGORITHMS)} if scheme == "DPoP" else {}
