"""Registers a passkey of soft-webauthn and uses it, as a program that knows the API and WebAuthn only.

    python soft_passkey.py ISSUER ACCESS_TOKEN

Prints the answers to the registration, to a step-up and to a sign-in with the passkey alone, each with its status. Needs
soft-webauthn.
"""

import base64
import json
import sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from soft_webauthn import SoftWebauthnDevice

issuer, access_token = sys.argv[1:3]


def post(path, body=None):
    headers = {"Authorization": f"Bearer {access_token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"{issuer}{path}", data=data, headers=headers, method="POST")
    try:
        with urlopen(request, timeout=20) as answer:
            return [answer.status, json.load(answer)]
    except HTTPError as error:
        return [error.code, json.load(error)]


def options(path, body=None):
    """Returns options as the device reads them: with bytes for texts."""
    status, answer = post(path, body)
    assert status == 200, answer
    read = answer["options"]
    read["challenge"] = decode(read["challenge"])
    if "user" in read:
        read["user"]["id"] = decode(read["user"]["id"])
    return {"publicKey": read}


def shown(credential):
    """Returns a response as JSON carries it."""
    response = {name: encode(value) for name, value in credential["response"].items()}
    identifier = encode(credential["rawId"])
    return {"id": identifier, "rawId": identifier, "type": credential["type"], "response": response}


def encode(value):
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


device = SoftWebauthnDevice()
made = device.create(options("/2fa/passkeys/options"), issuer)
answers = {"registration": post("/2fa/passkeys", {"credential": shown(made), "name": "Soft key"})}
signed = device.get(options("/2fa/challenge", {"method": "passkey"}), issuer)
answers["step_up"] = post("/step-up", {"passkey": shown(signed)})
signed = device.get(options("/passkey/options"), issuer)
answers["sign_in"] = post("/passkey/verify", {"credential": shown(signed)})
print(json.dumps(answers))
