"""Verifies an access token with only the issuer's URL.

    python verify.py ISSUER TOKEN [AUDIENCE]

Prints the claims and exits with 0, or prints the reason for the refusal and exits with 1. By default the audience is
the issuer. Needs PyJWT[crypto].
"""

import json
import sys
from urllib.request import urlopen

import jwt


def verify(issuer, token, audience):
    with urlopen(f"{issuer}/.well-known/openid-configuration", timeout=10) as answer:
        metadata = json.load(answer)
    if metadata["issuer"] != issuer:
        raise ValueError("the metadata is another issuer's")

    # A refresh token or an ID token must not pass for an access token (RFC 9068, section 4).
    if jwt.get_unverified_header(token).get("typ", "").lower() != "at+jwt":
        raise ValueError("this is not an access token")

    key = jwt.PyJWKClient(metadata["jwks_uri"], timeout=10).get_signing_key_from_jwt(token)
    claims = jwt.decode(
        token,
        key,
        # Never the token's own "alg": that is the attacker's choice.
        algorithms=metadata["id_token_signing_alg_values_supported"],
        issuer=issuer,
        audience=audience,
        options={"require": ["iss", "aud", "exp", "iat", "sub"]},
    )
    # PyJWT reads digits in quotes as a number; RFC 7519, section 2, requires a number.
    if not isinstance(claims["exp"], (int, float)):
        raise ValueError("the expiry is not a number")
    # A token that is bound to a key (RFC 9449) must not pass for a bearer token.
    if "cnf" in claims:
        raise ValueError("it is bound to a key")
    return claims


if __name__ == "__main__":
    issuer, token = sys.argv[1:3]
    audience = sys.argv[3] if len(sys.argv) > 3 else issuer
    try:
        print(json.dumps(verify(issuer, token, audience), indent=2))
    except (ValueError, jwt.PyJWTError) as error:
        sys.exit(f"refused: {error}")
