"""Verifies passkeys as a relying party on Yubico's fido2.

    python fido2_server.py FILE

Reads the file and prints the list that passkeys.py describes. Needs fido2.
"""

from ceremonies import report
from fido2.server import Fido2Server
from fido2.webauthn import PublicKeyCredentialRpEntity


def verify(ceremony, place, known):
    party = PublicKeyCredentialRpEntity(name="Vestibule", id=ceremony["rp_id"])
    # The library compares with the domain only, unless it is told how.
    server = Fido2Server(party, verify_origin=lambda origin: origin == ceremony["origin"])
    must_be_verified = "required" if ceremony["must_be_verified"] else "preferred"
    state = {"challenge": ceremony["challenge"], "user_verification": must_be_verified}
    if "registration" not in ceremony:
        made = server.register_complete(state, ceremony["credential"])
        known[place] = made.credential_data
        return
    server.authenticate_complete(state, [known[ceremony["registration"]]], ceremony["credential"])


report(verify)
