"""Applications and a service on Authlib's OAuth2Session, which is given nothing but what the metadata says.

    python authlib_session.py SCENE

SCENE: JSON with the issuer, the clients, and access tokens of users. Exits with 0 after every step went as expected.
"""

import json
import secrets
import sys
from urllib.parse import parse_qs, urlsplit

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

scene = json.loads(sys.argv[1])
issuer, api, callback, goodbye = (scene[name] for name in ("issuer", "api", "callback", "goodbye"))
clients, users = scene["clients"], scene["users"]
metadata = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=10).json()
keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=10).json())


def session(client, method):
    key = ECKey.import_key(client["key"]) if "key" in client else None
    application = OAuth2Session(
        client["id"],
        client.get("secret", key),
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        scope="openid email offline_access orders:read",
        redirect_uri=callback,
        code_challenge_method="S256",
        token_endpoint=metadata["token_endpoint"],
    )
    application.register_client_auth_method(PrivateKeyJWT(metadata["token_endpoint"], alg="ES256"))
    return application


def follow(url):
    """Returns where a browser is sent."""
    answer = requests.get(url, allow_redirects=False, timeout=10)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def decide(url, user):
    """Plays the browser: returns the URL with which the user comes back."""
    request = parse_qs(urlsplit(follow(url)).fragment)["request"][0]
    answer = requests.post(
        f"{issuer}/oauth/authorize",
        json={"request": request, "decision": "approve"},
        headers={"authorization": f"Bearer {user}"},
        timeout=10,
    )
    return answer.json()["redirect_to"]


def authorize(application, user):
    verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    url, state = application.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
    )
    back = decide(url, user)
    answered = parse_qs(urlsplit(back).query)
    # Authlib leaves the check of RFC 9207 to the application.
    assert answered["iss"] == [issuer] and answered["state"] == [state]
    return back, verifier, nonce


def redeem(application, asked):
    back, verifier, _ = asked
    return application.fetch_token(authorization_response=back, code_verifier=verifier)


def id_claims(application, token, nonce):
    """Validates an ID token as Authlib's clients for frameworks do."""
    text = jwt.decode(token["id_token"], keys, algorithms=metadata["id_token_signing_alg_values_supported"])
    claims = CodeIDToken(
        text.claims,
        text.header,
        {"iss": {"values": [issuer]}, "aud": {"values": [application.client_id]}},
        {"nonce": nonce, "client_id": application.client_id, "access_token": token["access_token"]},
    )
    claims.validate(leeway=0)
    return claims


def refused(error, attempt):
    try:
        attempt()
    except OAuthError as refusal:
        assert refusal.error == error, refusal
    else:
        raise AssertionError(f"this is not {error}")


def whole_life(client, method, user):
    application = session(client, method)
    asked = authorize(application, user)
    token = redeem(application, asked)
    claims = id_claims(application, token, asked[2])
    assert claims["acr"] == "aal2" and claims["email"].endswith("@mail.example"), claims
    told = application.get(metadata["userinfo_endpoint"]).json()
    assert (told["sub"], told["email"]) == (claims["sub"], claims["email"])

    renewed = application.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
    assert id_claims(application, renewed, None)["sub"] == claims["sub"]
    answer = application.revoke_token(metadata["revocation_endpoint"], renewed["refresh_token"], "refresh_token")
    assert answer.status_code == 200
    refused(
        "invalid_grant",
        lambda: application.refresh_token(metadata["token_endpoint"], refresh_token=renewed["refresh_token"]),
    )

    again = redeem(application, authorize(application, user))
    query = {"id_token_hint": again["id_token"], "post_logout_redirect_uri": goodbye, "state": "s"}
    url = requests.Request("GET", metadata["end_session_endpoint"], params=query).prepare().url
    assert follow(url) == f"{goodbye}?state=s"
    refused(
        "invalid_grant",
        lambda: application.refresh_token(metadata["token_endpoint"], refresh_token=again["refresh_token"]),
    )
    assert application.get(metadata["userinfo_endpoint"]).status_code == 401


def misuse(user):
    shop, forum = session(clients["public"], "none"), session(clients["other"], "none")
    asked = authorize(shop, user)
    token = redeem(shop, asked)
    refused("invalid_grant", lambda: redeem(shop, asked))
    refused(
        "invalid_grant",
        lambda: shop.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"]),
    )
    stolen = authorize(shop, user)
    refused("invalid_grant", lambda: forum.fetch_token(authorization_response=stolen[0], code_verifier=stolen[1]))
    guessed = authorize(shop, user)
    refused("invalid_grant", lambda: redeem(shop, (guessed[0], secrets.token_urlsafe(48), None)))
    refused("invalid_grant", lambda: redeem(shop, guessed))
    stranger = session({"id": clients["confidential"]["id"], "secret": "vcs_guessed"}, "client_secret_basic")
    refused("invalid_client", lambda: redeem(stranger, authorize(stranger, user)))


def act_for_itself(method):
    client = clients["service"]
    service = OAuth2Session(client["id"], client["secret"], token_endpoint_auth_method=method, scope="orders:read")
    token = service.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    algorithms = metadata["access_token_signing_alg_values_supported"]
    claims = jwt.decode(token["access_token"], keys, algorithms=algorithms).claims
    assert (claims["sub"], claims["aud"], claims["scope"]) == (client["id"], api, "orders:read")
    assert "sid" not in claims


whole_life(clients["public"], "none", users.pop())
for method in ("client_secret_basic", "client_secret_post"):
    whole_life(clients["confidential"], method, users.pop())
    act_for_itself(method)
whole_life(clients["signing"], "private_key_jwt", users.pop())
misuse(users.pop())
