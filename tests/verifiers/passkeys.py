"""Verifies passkeys as a relying party on py_webauthn.

    python passkeys.py FILE

The file has a list of registrations and assertions in the order in which they were made. Prints a list with null for each
that is accepted, or else the reason for the refusal. Each assertion names its registration by the place in the list: its
key is what this library read from it. Needs webauthn.
"""

from ceremonies import report
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import base64url_to_bytes


def verify(ceremony, place, known):
    expected = {
        "credential": ceremony["credential"],
        "expected_challenge": base64url_to_bytes(ceremony["challenge"]),
        "expected_origin": ceremony["origin"],
        "expected_rp_id": ceremony["rp_id"],
        "require_user_verification": ceremony["must_be_verified"],
    }
    if "registration" not in ceremony:
        made = verify_registration_response(**expected)
        known[place] = (made.credential_public_key, made.sign_count)
        return
    key, count = known[ceremony["registration"]]
    used = verify_authentication_response(
        **expected, credential_public_key=key, credential_current_sign_count=count
    )
    known[ceremony["registration"]] = (key, used.new_sign_count)


report(verify)
