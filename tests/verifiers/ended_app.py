"""A back end with docs/examples/ended_sessions.py: answers with the caller's id. Started with its port and the issuer."""

import sys

import uvicorn
from ended_sessions import SignedIn
from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware

port, issuer, stale_after = sys.argv[1:]
app = FastAPI()
app.add_middleware(SignedIn, issuer=issuer, stale_after=float(stale_after))
app.add_middleware(
    CORSMiddleware,
    allow_origins=["https://app.example.com"],
    allow_methods=["*"],
    allow_headers=["Authorization", "Content-Type"],
    expose_headers=["WWW-Authenticate"],
)


@app.get("/me")
def me(request: Request):
    return {"sub": request.scope["caller"]["sub"]}


uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")
