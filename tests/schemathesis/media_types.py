"""Hooks for schemathesis: it takes application/jwt for a kind of JSON, which a token is not (RFC 7519 §3)."""

import schemathesis


@schemathesis.deserializer("application/json")
def json_or_token(_context, response):
    if "application/jwt" in response.headers.get("content-type", []):
        return response.content.decode("ascii")
    return response.json()
