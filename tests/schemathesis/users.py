"""Hooks for schemathesis: its requests come from a signed-in user.

The requests end sessions, delete accounts and use codes up. So each request first checks that its user is still signed
in, and otherwise uses a new one. About half of the tokens in bodies are replaced by live ones, so that not all requests
are refused.
"""

import base64
import datetime
import hashlib
import hmac
import json
import os
import struct
import urllib.error
import urllib.request
import zlib

import media_types  # noqa: F401
import schemathesis

BASE = os.environ["VESTIBULE_BASE"]
SERVICE_CLIENT = os.environ["VESTIBULE_SERVICE_CLIENT"]
PASSWORD = "korrekt pferd batterie"
# Sensitive changes require a proof that is at most 300 s old.
FRESH_SECONDS = 200


def call(method, path, body=None, token=None):
    headers = {"content-type": "application/json"} if body is not None else {}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(BASE + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as refused:
        return refused.code, None


def service_now():
    """Returns the time of the service's clock, which schemathesis moves, too."""
    now = call("GET", "/dev/clock")[1]["now"].split(".")[0].rstrip("Z")
    return int(datetime.datetime.fromisoformat(f"{now}+00:00").timestamp())


def totp(secret):
    """RFC 6238, six digits."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", service_now() // 30), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset:offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


class Person:
    number = 0

    def __init__(self):
        Person.number += 1
        self.email = f"jo{Person.number}.{os.getpid()}@mail.example"
        _, registered = call("POST", "/register", {"email": self.email, "password": PASSWORD})
        body = {"pre_auth_token": registered["pre_auth_token"], "code": totp(registered["totp"]["secret"])}
        _, self.tokens = call("POST", "/2fa/verify", body)
        self.since = service_now()

    def is_there(self):
        return service_now() - self.since < FRESH_SECONDS and call("GET", "/me", token=self.token)[0] == 200

    @property
    def token(self):
        return self.tokens["access_token"]


person = None


def new_user():
    global person
    if person is None or not person.is_there():
        person = Person()
    return person


@schemathesis.auth(refresh_interval=None).apply_to(path_regex="^/token/(introspect|revoke)$")
class ServiceClient:
    def get(self, case, context):
        return SERVICE_CLIENT

    def set(self, case, data, context):
        case.headers["authorization"] = data


@schemathesis.auth(refresh_interval=None).skip_for(path_regex="^/token/(introspect|revoke)$")
class SignedIn:
    def get(self, case, context):
        return new_user().token

    def set(self, case, data, context):
        case.headers["authorization"] = f"Bearer {data}"


def live(member):
    """Returns a valid token for a member, or None."""
    if member == "refresh_token":
        return new_user().tokens["refresh_token"]
    if member == "pre_auth_token":
        answer = call("POST", "/login", {"email": new_user().email, "password": PASSWORD})[1]
        return answer and answer["pre_auth_token"]
    if member == "current_password":
        return PASSWORD
    return None


@schemathesis.hook
def before_call(context, case, kwargs):
    body = case.body
    if not isinstance(body, dict):
        return
    # Depends on the body alone, so that a failure can be reproduced.
    if zlib.crc32(json.dumps(body, sort_keys=True, default=str).encode()) % 2:
        return
    for member in body:
        if isinstance(body[member], str) and (token := live(member)):
            body[member] = token
