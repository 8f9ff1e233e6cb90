"""Runs the steps of one user with a generated client.

The arguments of each program that imports this are the service's URL and the user's address.
"""

import base64
import hashlib
import hmac
import json
import struct
import sys
import urllib.request
from datetime import datetime

PASSWORD = "grüne Fenster im Regen"


def walk(calls):
    base, email = sys.argv[1:]
    client = calls(base)
    pre_auth_token, secret = client.register(email, PASSWORD)
    _, _, recovery_codes = client.verify(pre_auth_token, code(base, secret))
    assert recovery_codes == 10, recovery_codes
    request(base, "/dev/clock", {"advance": 30})
    pre_auth_token = client.log_in(email, PASSWORD)
    assert client.refused(pre_auth_token, "0A1B2C3D4E5F6G7H8J9KMNPQ") == "invalid_code"
    access_token, refresh_token, _ = client.verify(pre_auth_token, code(base, secret))
    assert client.me(access_token) == email
    assert client.me(client.refresh(refresh_token)) == email
    print("walked")


def request(base, path, body=None):
    data = body and json.dumps(body).encode()
    asked = urllib.request.Request(base + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return json.load(answer)


def code(base, secret):
    """Computes the code of this moment of the service's clock (RFC 6238)."""
    now = datetime.fromisoformat(request(base, "/dev/clock")["now"].replace("Z", "+00:00")).timestamp()
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(now) // 30), hashlib.sha1)
    (number,) = struct.unpack(">I", digest[digest[-1] & 15 :][:4])
    return f"{(number & 0x7FFFFFFF) % 1_000_000:06}"
