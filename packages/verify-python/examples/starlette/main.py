# main.py
import os

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from vestibule_verify import Demand, Verifier
from vestibule_verify.starlette import SignedIn, caller

vestibule = Verifier(os.environ["VESTIBULE_ISSUER"], public_url=os.environ.get("PUBLIC_URL"))


def signed_in(demand=None):
    return [Middleware(SignedIn, vestibule, demand)]


async def me(request: Request):
    return JSONResponse({"sub": caller(request).subject})


app = Starlette(
    routes=[
        Route("/me", me, middleware=signed_in()),
        Route("/reports", me, middleware=signed_in(Demand(role="editor"))),
        Route("/payments", me, methods=["POST"], middleware=signed_in(Demand(max_age=300))),
    ]
)
