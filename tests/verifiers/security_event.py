"""Verifies a Security Event Token (RFC 8417) with only the issuer's URL.

    python security_event.py ISSUER AUDIENCE TOKEN

Prints the claims and exits with 0, or prints the reason for the refusal and exits with 1. Needs joserfc.
"""

import json
import sys
from urllib.request import urlopen

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet


def fetch(url):
    with urlopen(url, timeout=10) as answer:
        return json.load(answer)


def verify(issuer, audience, token):
    metadata = fetch(f"{issuer}/.well-known/openid-configuration")
    keys = KeySet.import_key_set(fetch(metadata["jwks_uri"]))
    # An access token must not pass for an event (RFC 8417, section 4.3).
    if jws.extract_compact(token.encode()).headers().get("typ") != "secevent+jwt":
        raise ValueError("this is not an event")
    claims = jwt.decode(token, keys, algorithms=metadata["id_token_signing_alg_values_supported"]).claims
    if claims["iss"] != metadata["issuer"] or claims["aud"] != audience:
        raise ValueError("another issuer or another receiver")
    if not claims["events"] or "exp" in claims:
        raise ValueError("this is not an event")
    return claims


if __name__ == "__main__":
    try:
        print(json.dumps(verify(*sys.argv[1:4])))
    except (ValueError, KeyError, JoseError) as error:
        sys.exit(f"refused: {error}")
