"""A provider that lies: each of its issuers tells the truth but for one thing, which its path names.

    python lying_provider.py [--tls DIRECTORY] [--apple-key PUBLIC_KEY] [--now SECONDS]

Prints its port, then one JSON line for each request: its host, path, headers, and the parameters of its body. The issuer
of a lie is http://127.0.0.1:PORT/LIE, for every LIE below, and "honest" tells none. --tls makes it https for
*.example.com, with a certificate of the authority in DIRECTORY/authority.pem, and then the host is the one that the
client names. GitHub is at /github and /github-error, with its API below api; Apple is at /apple, where the client secret
has to be signed by the owner of PUBLIC_KEY, a PEM file; Microsoft is at /microsoft/{tenantid}/v2.0, where the claim tid
of a user decides about the issuer. Its clock stands still at --now, if that is given.

The client is "vestibule" with the secret "secret". The page /LIE/authorize takes a JSON object `user`, whose members
become the code. A test can write a code without that page: it is the base64url of a JSON object with

    user        the claims of the user, such as sub, email and email_verified; for GitHub id, login and emails
    nonce       the nonce of the ID token
    challenge   the code challenge; without one no verifier is checked
    client_id   the audience of the ID token; "vestibule" by default
    now         the time of the provider at that moment, in seconds since 1970

It ends when its standard input does. Needs joserfc and cryptography.
"""

import argparse
import base64
import hashlib
import hmac
import html
import json
import pathlib
import ssl
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from certificates import make_certificates
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

CLIENT, SECRET = "vestibule", "secret"
TENANT = "{tenantid}"
MOST_BYTES = 64 * 1024
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "alg": "RS256", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec", "alg": "ES256", "use": "sig"})
# Published at no time.
OTHER = RSAKey.generate_key(2048, {"kid": "rsa", "alg": "RS256", "use": "sig"})

# What an ID token says instead of the truth; None leaves a claim out. A function gets the issuer and the time.
CLAIMS = {
    "iss": {"iss": "https://issuer.example.com"},
    "iss-slash": {"iss": lambda issuer, _now: issuer + "/"},
    "no-iss": {"iss": None},
    "aud": {"aud": "another"},
    "no-aud": {"aud": None},
    "aud-empty": {"aud": []},
    "aud-two": {"aud": [CLIENT, "another"]},
    "aud-two-azp": {"aud": [CLIENT, "another"], "azp": CLIENT},
    "azp": {"azp": "another"},
    "nonce": {"nonce": "another"},
    "no-nonce": {"nonce": None},
    "expired": {"exp": lambda _issuer, now: now - 61, "iat": lambda _issuer, now: now - 600},
    "no-exp": {"exp": None},
    "exp-text": {"exp": lambda _issuer, now: str(now + 300)},
    "future": {"iat": lambda _issuer, now: now + 120},
    "no-iat": {"iat": None},
    "not-before": {"nbf": lambda _issuer, now: now + 120},
    "no-sub": {"sub": None},
    "sub-empty": {"sub": ""},
    "sub-long": {"sub": "a" * 256},
    "sub-control": {"sub": "a\nb"},
    "sub-number": {"sub": 1},
    "at-hash": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
}

# How an ID token is signed instead of by the published key.
SIGNATURES = ["none", "hmac", "unknown-key", "key-of-wrong-type", "other-key", "crit", "no-signature", "encrypted"]

# What an endpoint answers instead of the truth: NAME-MISBEHAVIOUR.
ENDPOINTS = ["discovery", "keys", "token", "userinfo"]
MISBEHAVIOURS = ["redirect", "html", "500", "404", "slow", "endless", "oversized", "array", "drop"]

# Members of the metadata that are not true, or that lead elsewhere; None leaves one out.
METADATA = {
    "discovery-iss": {"issuer": "https://issuer.example.com"},
    "discovery-iss-slash": {"issuer": lambda issuer: issuer + "/"},
    "plain-challenge": {"code_challenge_methods_supported": ["plain"]},
    "no-challenge": {"code_challenge_methods_supported": None},
    "no-code": {"response_types_supported": ["id_token"]},
    "hmac-only": {"id_token_signing_alg_values_supported": ["HS256", "none"]},
    "keys-private": {"jwks_uri": "https://10.0.0.1/keys"},
    "keys-metadata-service": {"jwks_uri": "http://169.254.169.254/keys"},
    "keys-file": {"jwks_uri": "file:///etc/passwd"},
    "keys-elsewhere": {"jwks_uri": "https://keys.example.com/honest/keys"},
    "token-private": {"token_endpoint": "https://192.168.1.1/token"},
    "token-http": {"token_endpoint": "http://issuer.example.com/token"},
    "authorize-script": {"authorization_endpoint": "javascript:alert(1)"},
    "post": {"token_endpoint_auth_methods_supported": ["client_secret_post"]},
    "no-iss-parameter": {"authorization_response_iss_parameter_supported": None},
}

# Others: userinfo-only and userinfo-another leave the address to userinfo, the latter with another subject. rotated
# shows its key from the second request for its keys on. refused refuses every code, and github-error does it with 200.
# returns drops the first request for tokens, and answers from then on. no-id-token has only an access token.
# keys-empty has no key, keys-symmetric a symmetric one.

speaking = threading.Lock()
counts = {}


def say(thing):
    # Requests that arrive together must not write into each other's lines.
    with speaking:
        print(json.dumps(thing), flush=True)


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def pack(thing):
    return encode(json.dumps(thing).encode())


def without_nones(members):
    return {name: value for name, value in members.items() if value is not None}


def now():
    return Provider.arguments.now or int(time.time())


def time_of(code):
    """Returns the time that a code says, or the present one."""
    try:
        return decode(code).get("now") or now()
    except ValueError:
        return now()


def is_first(lie):
    """Returns whether it is called with a lie for the first time."""
    with speaking:
        counts[lie] = counts.get(lie, 0) + 1
    return counts[lie] == 1


def metadata(issuer, lie):
    members = {
        "issuer": issuer,
        "authorization_endpoint": issuer + "/authorize",
        "token_endpoint": issuer + "/token",
        "userinfo_endpoint": issuer + "/userinfo",
        "jwks_uri": issuer + "/keys",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }
    if lie == "apple":
        # As Apple's own: no word of challenges, nor of userinfo, and the secret is a parameter.
        members["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
        del members["code_challenge_methods_supported"], members["userinfo_endpoint"]
        del members["authorization_response_iss_parameter_supported"]
    if lie == "microsoft":
        for name, value in members.items():
            if isinstance(value, str):
                members[name] = value.replace(TENANT, "common")
        members["issuer"] = issuer
        del members["authorization_response_iss_parameter_supported"]
    for name, value in METADATA.get(lie, {}).items():
        members[name] = value(issuer) if callable(value) else value
    return without_nones(members)


def keys(issuer, lie):
    if lie == "microsoft":
        return {"keys": [{**RSA.as_dict(private=False), "issuer": issuer}]}
    if lie == "keys-empty":
        return {"keys": []}
    if lie == "keys-symmetric":
        return {"keys": [OctKey.import_key("a symmetric key", {"kid": "rsa"}).as_dict(private=True)]}
    if lie == "rotated":
        if is_first(lie):
            return {"keys": [EC.as_dict(private=False)]}
    return {"keys": [RSA.as_dict(private=False), EC.as_dict(private=False)]}


def sign(header, claims):
    """Signs what the library refuses to."""
    signed = pack(header) + "." + pack(claims)
    if header["alg"] == "none":
        return signed + "."
    if header["alg"] == "HS256":
        public = RSA.public_key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return signed + "." + encode(hmac.digest(public, signed.encode(), "sha256"))
    return signed + "." + encode(RSA.private_key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))


def id_token(issuer, lie, code, access_token):
    made_at = code.get("now") or now()
    user = code.get("user", {})
    claims = {
        "iss": issuer.replace(TENANT, user.get("tid", "")),
        "aud": code.get("client_id", CLIENT),
        "exp": made_at + 300,
        "iat": made_at,
        "nonce": code.get("nonce"),
        "at_hash": encode(hashlib.sha256(access_token.encode()).digest()[:16]),
        **({"sub": user.get("sub")} if lie.startswith("userinfo-") else user),
    }
    for name, value in CLAIMS.get(lie, {}).items():
        claims[name] = value(issuer, made_at) if callable(value) else value
    claims = without_nones(claims)
    header = {"alg": "RS256", "kid": "rsa"}
    if lie == "none":
        return sign({"alg": "none"}, claims)
    if lie == "hmac":
        return sign({**header, "alg": "HS256"}, claims)
    if lie == "crit":
        return sign({**header, "crit": ["b64"], "b64": False}, claims)
    if lie == "encrypted":
        return ".".join([pack({"alg": "RSA-OAEP", "enc": "A256GCM"}), "a", "a", "a", "a"])
    if lie == "unknown-key":
        header["kid"] = "unknown"
    if lie == "key-of-wrong-type":
        header["kid"] = "ec"
    signed = jwt.encode(header, claims, OTHER if lie == "other-key" else RSA, algorithms=["RS256"])
    return signed.rpartition(".")[0] + "." if lie == "no-signature" else signed


def is_signed_by_apple(text, key, issuer, at):
    try:
        secret = jwt.decode(text, key, algorithms=["ES256"])
    except Exception:
        return False
    claims = secret.claims
    named = (claims["iss"], claims["sub"], claims["aud"], secret.header["kid"])
    in_time = claims["iat"] <= at + 5 and at < claims["exp"] <= claims["iat"] + 300
    return in_time and named == ("TEAM012345", CLIENT, issuer, "KEY0123456")


def form(parameters):
    hidden = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in parameters.items()
    )
    user = '{"sub": "alice", "email": "alice@example.com", "email_verified": true}'
    return (
        f'<!doctype html><title>Sign in</title><form method="get">{hidden}<label>User '
        f'<textarea name="user">{user}</textarea></label><button>Sign in</button></form>'
    )


class Provider(BaseHTTPRequestHandler):
    arguments = None
    apple_key = None

    def do_GET(self):
        self.answer({})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.answer(dict(urllib.parse.parse_qsl(body)))

    def answer(self, parameters):
        say({
            "host": self.headers["host"],
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "parameters": parameters,
        })
        path, _, query = self.path.partition("?")
        _, lie, endpoint = path.split("/", 2)
        scheme = "https" if self.arguments.tls else "http"
        self.issuer, self.lie = f"{scheme}://{self.headers['host']}/{lie}", lie
        if lie == "microsoft":
            self.issuer += f"/{TENANT}/v2.0"
            endpoint = endpoint.split("/", 2)[2]
        if endpoint == "authorize" or endpoint == "login/oauth/authorize":
            self.authorize(dict(urllib.parse.parse_qsl(query)))
            return
        name = "discovery" if endpoint == ".well-known/openid-configuration" else endpoint
        if lie == "returns" and name == "token" and is_first(lie):
            self.misbehave("drop", endpoint)
            return
        misbehaviour = lie.removeprefix(name + "-")
        if lie != misbehaviour and misbehaviour in MISBEHAVIOURS:
            self.misbehave(misbehaviour, endpoint)
            return
        answers = {
            "discovery": lambda: (200, metadata(self.issuer, lie)),
            "keys": lambda: (200, keys(self.issuer, lie)),
            "token": lambda: self.token(parameters),
            "userinfo": self.userinfo,
            "login/oauth/access_token": lambda: self.token(parameters),
            "api/user": self.github_user,
            "api/user/emails": self.github_emails,
        }
        status, body = answers.get(name, lambda: (404, {"error": "not_found"}))()
        self.write(status, json.dumps(body).encode(), "application/json")

    def authorize(self, parameters):
        if "user" not in parameters:
            self.write(200, form(parameters).encode(), "text/html")
            return
        code = pack(
            without_nones({
                "user": json.loads(parameters["user"]),
                "nonce": parameters.get("nonce"),
                "challenge": parameters.get("code_challenge"),
                "client_id": parameters.get("client_id"),
            })
        )
        issuer = {"iss-parameter": "https://issuer.example.com", "no-iss-parameter-anyway": None}
        answer = {"code": code, "state": parameters.get("state"), "iss": issuer.get(self.lie, self.issuer)}
        if self.lie.startswith("github"):
            del answer["iss"]
        self.send_response(303)
        self.send_header("location", f"{parameters['redirect_uri']}?{urllib.parse.urlencode(without_nones(answer))}")
        self.send_header("content-length", "0")
        self.end_headers()

    def is_client(self, parameters):
        given = parameters.get("client_secret", "")
        if self.lie == "apple":
            return is_signed_by_apple(given, self.apple_key, self.issuer, time_of(parameters.get("code", "")))
        if self.lie == "post" or self.lie.startswith("github"):
            return (parameters.get("client_id"), given) == (CLIENT, SECRET)
        expected = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        return self.headers["authorization"] == f"Basic {expected}" and not given

    def token(self, parameters):
        if not self.is_client(parameters):
            return 401, {"error": "invalid_client"}
        if self.lie == "github-error":
            return 200, {"error": "bad_verification_code", "error_description": "The code is incorrect or expired."}
        if self.lie == "refused":
            return 400, {"error": "invalid_grant"}
        try:
            code = decode(parameters["code"])
        except (KeyError, ValueError):
            return 400, {"error": "invalid_grant"}
        verifier = hashlib.sha256(parameters.get("code_verifier", "").encode()).digest()
        if "challenge" in code and code["challenge"] != encode(verifier):
            return 400, {"error": "invalid_grant"}
        access_token = pack(code.get("user", {}))
        answer = {"access_token": access_token, "token_type": "Bearer", "expires_in": 300}
        if self.lie != "no-id-token" and not self.lie.startswith("github"):
            answer["id_token"] = id_token(self.issuer, self.lie, code, access_token)
        return 200, answer

    def user(self):
        return decode((self.headers["authorization"] or "").removeprefix("Bearer "))

    def userinfo(self):
        user = self.user()
        return 200, {**user, "sub": "another"} if self.lie == "userinfo-another" else user

    def github_user(self):
        if not self.headers["authorization"]:
            return 401, {"message": "Requires authentication"}
        user = self.user()
        return 200, {name: user.get(name) for name in ["id", "login", "email"]}

    def github_emails(self):
        return 200, self.user().get("emails", [])

    def misbehave(self, how, endpoint):
        if how == "redirect":
            self.send_response(307)
            self.send_header("location", f"/honest/{endpoint}")
            self.send_header("content-length", "0")
            self.end_headers()
        elif how in ["500", "404"]:
            self.write(int(how), b'{"error": "server_error"}', "application/json")
        elif how == "drop":
            self.close_connection = True
        elif how == "html":
            self.write(200, b"<!doctype html><title>Sign in to the network</title>", "text/html")
        elif how == "array":
            self.write(200, b"[]", "application/json")
        elif how == "oversized":
            padding_ = json.dumps({**metadata(self.issuer, self.lie), "padding": "a" * MOST_BYTES})
            self.write(200, padding_.encode(), "application/json")
        else:
            self.drip(b" " * (64 if how == "slow" else MOST_BYTES), 1 if how == "slow" else 0)

    def drip(self, piece, pause):
        """Sends an answer without an end: a byte each second, or as fast as the client reads."""
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        try:
            while True:
                self.wfile.write(piece[:1] if pause else piece)
                self.wfile.flush()
                time.sleep(pause)
        except OSError:
            return

    def write(self, status, body, kind):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls")
    parser.add_argument("--apple-key")
    parser.add_argument("--now", type=int)
    Provider.arguments = parser.parse_args()
    if Provider.arguments.apple_key:
        with open(Provider.arguments.apple_key, "rb") as file:
            Provider.apple_key = ECKey.import_key(file.read())
    # More than come at once: a connection that finds the queue full is lost.
    ThreadingHTTPServer.request_queue_size = 64
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    server.daemon_threads = True
    server.handle_error = lambda request, client_address: None
    if Provider.arguments.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        make_certificates(pathlib.Path(Provider.arguments.tls), ["*.example.com"])
        context.load_cert_chain(pathlib.Path(Provider.arguments.tls) / "server.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say(server.server_address[1])
    sys.stdin.read()


main()
