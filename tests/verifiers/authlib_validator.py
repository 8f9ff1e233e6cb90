"""Validates an access token with Authlib's own validator of RFC 9068, and refuses those that are bound to a key.

    python authlib_validator.py ISSUER TOKEN AUDIENCE

Prints the claims and exits with 0, or prints the reason for the refusal and exits with 1. Needs Authlib.
"""

import json
import sys
from urllib.request import urlopen

from authlib.oauth2.rfc6750 import InvalidTokenError
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator


class Validator(JWTBearerTokenValidator):
    def get_jwks(self):
        with urlopen(f"{self.issuer}/.well-known/jwks.json", timeout=10) as answer:
            return json.load(answer)

    def validate_token(self, token, *demands, **named):
        super().validate_token(token, *demands, **named)
        # A token that is bound to a key (RFC 9449) must not pass for a bearer token.
        if "cnf" in token:
            raise InvalidTokenError("it is bound to a key")


if __name__ == "__main__":
    issuer, text, audience = sys.argv[1:4]
    validator = Validator(issuer=issuer, resource_server=audience)
    try:
        token = validator.authenticate_token(text)
        validator.validate_token(token, scopes=None, request=None)
        print(json.dumps(dict(token)))
    except InvalidTokenError as error:
        sys.exit(f"refused: {error}")
