"""Makes users as other programs store them, with hashes of the libraries that these programs use.

    python foreign_hashes.py

Prints one JSON object a line: the kind, the right password, wrong ones, and the user in the format of
`vestibule users import`.
"""

import base64
import hashlib
import hmac
import json
import logging
import os

import argon2
import bcrypt
import django
import flask
import flask_bcrypt
import pyotp
import werkzeug.security
from argon2.low_level import Type, hash_secret, hash_secret_raw
from django.conf import settings
from django.contrib.auth import hashers
from firebase_scrypt import firebasescrypt
from passlib.hash import argon2 as passlib_argon2
from passlib.hash import bcrypt as passlib_bcrypt
from passlib.hash import bcrypt_sha256 as passlib_bcrypt_sha256
from passlib.hash import pbkdf2_sha1, pbkdf2_sha256, pbkdf2_sha512, phpass

PASSWORD = "Grüne Fenster im Regen"
# 72 bytes. bcrypt ignores what follows.
LONG = "korrekt pferd batterie heftklammer " * 2 + "ab"
assert len(LONG.encode()) == 72

settings.configure(
    PASSWORD_HASHERS=[
        f"django.contrib.auth.hashers.{name}"
        for name in (
            "PBKDF2PasswordHasher",
            "PBKDF2SHA1PasswordHasher",
            "Argon2PasswordHasher",
            "BCryptSHA256PasswordHasher",
            "BCryptPasswordHasher",
            "ScryptPasswordHasher",
        )
    ]
)
django.setup()
# It warns that newer versions of bcrypt lack the version number that it reads.
logging.getLogger("passlib").setLevel(logging.ERROR)


def plain_bcrypt(password, prefix=b"2b"):
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4, prefix)).decode()


def flask_long(password):
    """Flask-Bcrypt with BCRYPT_HANDLE_LONG_PASSWORDS hashes like Django, but adds no prefix: the manual names it."""
    app = flask.Flask("shop")
    app.config.update(BCRYPT_HANDLE_LONG_PASSWORDS=True, BCRYPT_LOG_ROUNDS=4)
    return "bcrypt_sha256$" + flask_bcrypt.Bcrypt(app).generate_password_hash(password).decode()


def passlib_sha256(password, **parameters):
    return passlib_bcrypt_sha256.using(rounds=4, **parameters).hash(password)


def argon2_of(password, kind, version):
    return hash_secret(password.encode(), b"0123456789abcdef", 2, 64, 2, 32, kind, version).decode()


def base64_text(data):
    return base64.b64encode(data).decode()


def keycloak(algorithm, iterations, hash, salt, **more):
    """The password in the export of a realm: JSON that contains JSON. Keycloak is not written in Python."""
    parameters = {name: [str(value)] for name, value in more.items()}
    return json.dumps({
        "id": "1dbe5dcc-76af-425d-bddc-cc36e1405dae",
        "type": "password",
        "userLabel": "My password",
        "createdDate": 1776007399750,
        "secretData": json.dumps(
            {"value": base64_text(hash), "salt": base64_text(salt), "additionalParameters": {}}, separators=(",", ":")
        ),
        "credentialData": json.dumps(
            {"hashIterations": iterations, "algorithm": algorithm, "additionalParameters": parameters},
            separators=(",", ":"),
        ),
    })


def keycloak_pbkdf2(algorithm, digest, length):
    def make(password):
        salt = os.urandom(16)
        return keycloak(algorithm, 1000, hashlib.pbkdf2_hmac(digest, password.encode(), salt, 1000, length), salt)

    return make


def keycloak_argon2(password):
    salt = os.urandom(16)
    hash = hash_secret_raw(password.encode(), salt, 5, 7168, 1, 32, Type.ID, 19)
    return keycloak("argon2", 5, hash, salt, hashLength=32, memory=7168, type="id", version="1.3", parallelism=1)


def as_in_a_form(password):
    """A password from a form, as PHP programs that still use "magic quotes" hash it."""
    for character in "\\'\"":
        password = password.replace(character, "\\" + character)
    return password.strip(" \t\n\r\0\x0b")


def wordpress(password):
    """WordPress since 6.8."""
    digest = hmac.digest(b"wp-sha384", password.encode(), "sha384")
    return "$wp" + passlib_bcrypt.using(rounds=4, ident="2y").hash(base64_text(digest))


def wordpress_until_6_8(password):
    return phpass.using(rounds=8).hash(password)


FIREBASE = {"n": 10, "r": 8, "separator": "Bw==", "signer_key": base64_text(bytes(range(64)))}


def firebase(password, encode=base64.b64encode):
    """Firebase's hash in Supabase's format of one line."""
    salt = os.urandom(10)
    key = firebasescrypt.generate_derived_key(password, salt, FIREBASE["separator"], FIREBASE["r"], FIREBASE["n"])
    hash = firebasescrypt.encrypt(base64.b64decode(FIREBASE["signer_key"]), key)
    parameters = "v=1,n={n},r={r},p=1,ss={separator},sk={signer_key}".format(**FIREBASE)
    return f"$fbscrypt${parameters}${encode(salt).decode()}${encode(hash).decode()}"


def django_quick(hasher, password, **costs):
    for name, value in costs.items():
        setattr(hasher, name, value)
    return hasher.encode(password, hasher.salt())


def django_default(name):
    return lambda password: hashers.make_password(password, hasher=name)


werkzeug_hash = werkzeug.security.generate_password_hash

# At low costs, since they are verified many times.
KINDS = {
    "bcrypt": plain_bcrypt,
    "bcrypt-2a": lambda password: plain_bcrypt(password, b"2a"),
    "bcrypt-2y": lambda password: passlib_bcrypt.using(rounds=4, ident="2y").hash(password),
    "flask-bcrypt": lambda password: flask_bcrypt.generate_password_hash(password, 4).decode(),
    "flask-bcrypt-long": flask_long,
    "passlib-bcrypt-sha256": passlib_sha256,
    "passlib-bcrypt-sha256-1": lambda password: passlib_sha256(password, version=1),
    "passlib-bcrypt-sha256-1a": lambda password: passlib_sha256(password, version=1, ident="2a"),
    "passlib-argon2": lambda password: passlib_argon2.using(memory_cost=256, time_cost=1).hash(password),
    "argon2i": lambda password: argon2_of(password, Type.I, 19),
    "argon2i-first-version": lambda password: argon2_of(password, Type.I, 16),
    "argon2id-first-version": lambda password: argon2_of(password, Type.ID, 16),
    "django-pbkdf2": lambda password: django_quick(hashers.PBKDF2PasswordHasher(), password, iterations=1000),
    "django-pbkdf2-sha1": lambda password: django_quick(hashers.PBKDF2SHA1PasswordHasher(), password, iterations=1000),
    "django-argon2": lambda password: django_quick(hashers.Argon2PasswordHasher(), password, memory_cost=256),
    "django-bcrypt-sha256": lambda password: django_quick(hashers.BCryptSHA256PasswordHasher(), password, rounds=4),
    "django-bcrypt": lambda password: django_quick(hashers.BCryptPasswordHasher(), password, rounds=4),
    "django-scrypt": lambda password: django_quick(hashers.ScryptPasswordHasher(), password, work_factor=1024),
    "werkzeug-scrypt": lambda password: werkzeug_hash(password, "scrypt:1024:8:3", 8),
    "werkzeug-pbkdf2": lambda password: werkzeug_hash(password, "pbkdf2:sha256:1000"),
    "werkzeug-pbkdf2-sha1": lambda password: werkzeug_hash(password, "pbkdf2:sha1:1000"),
    "werkzeug-pbkdf2-sha512": lambda password: werkzeug_hash(password, "pbkdf2:sha512:1000"),
    "passlib-pbkdf2-sha1": pbkdf2_sha1.using(rounds=1000).hash,
    "passlib-pbkdf2-sha256": pbkdf2_sha256.using(rounds=1000).hash,
    "passlib-pbkdf2-sha512": pbkdf2_sha512.using(rounds=1000).hash,
    "keycloak-sha1": keycloak_pbkdf2("pbkdf2", "sha1", 64),
    "keycloak-sha256": keycloak_pbkdf2("pbkdf2-sha256", "sha256", 32),
    "keycloak-sha256-64": keycloak_pbkdf2("pbkdf2-sha256", "sha256", 64),
    "keycloak-sha512": keycloak_pbkdf2("pbkdf2-sha512", "sha512", 64),
    "keycloak-argon2": keycloak_argon2,
    "wordpress": wordpress,
    "wordpress-phpass": wordpress_until_6_8,
    "firebase": firebase,
    "firebase-sdk": lambda password: firebase(password, base64.urlsafe_b64encode),
}
# At the costs that the libraries choose.
DEFAULTS = {
    "argon2-cffi": argon2.PasswordHasher().hash,
    "django-pbkdf2": django_default("pbkdf2_sha256"),
    "django-argon2": django_default("argon2"),
    "django-bcrypt-sha256": django_default("bcrypt_sha256"),
    "django-scrypt": django_default("scrypt"),
    "flask-bcrypt": lambda password: flask_bcrypt.generate_password_hash(password).decode(),
    "passlib-bcrypt-sha256": passlib_bcrypt_sha256.hash,
    "passlib-pbkdf2": pbkdf2_sha256.hash,
    "wordpress-phpass": phpass.using(rounds=13).hash,
    "werkzeug": werkzeug_hash,
    "werkzeug-pbkdf2": lambda password: werkzeug_hash(password, "pbkdf2"),
}
# These ignore everything after the first 72 bytes.
CUT = {"bcrypt", "bcrypt-2a", "bcrypt-2y", "flask-bcrypt", "django-bcrypt"}


def show(kind, password, wrong, hash, **members):
    user = {"password_hash": hash, **members}
    print(json.dumps({"kind": kind, "password": password, "wrong": wrong, "user": user}))


for kind, make in KINDS.items():
    secret = pyotp.random_base32()
    show(
        kind,
        PASSWORD,
        [PASSWORD + ".", PASSWORD.lower(), PASSWORD.replace("ü", "u"), "x"],
        make(PASSWORD),
        email=f"{kind}@old.example",
        totp_secret=secret,
    )
    longer, other = LONG + "the rest", LONG[:-1] + "c" + "the rest"
    beyond = [LONG, LONG + "another rest"]
    show(kind, longer, [other] if kind in CUT else [*beyond, other], make(longer), username=f"long.{kind}")
    if kind in CUT:
        for number, password in enumerate(beyond):
            show(kind, password, [other], make(longer), username=f"cut{number}.{kind}")

# Wrong passwords were tried above: a cost does not change what is right, and these take up to half a second each.
for kind, make in DEFAULTS.items():
    show(kind, PASSWORD, [], make(PASSWORD), username=f"default.{kind}")

# Decomposed, as some keyboards type it: other programs do not normalise passwords.
show("decomposed", "Gru\u0308ne Fenster", ["Grüne Fenster"], plain_bcrypt("Gru\u0308ne Fenster"), username="decomposed")

# WordPress's forms hash a password with quotes in another form than its command line does, and trim it.
QUOTED = "  Jo's \"best\" \\ window "
for kind, make in {"wordpress": wordpress, "wordpress-phpass": wordpress_until_6_8}.items():
    wrong = ["Jos best  window", as_in_a_form(as_in_a_form(QUOTED))]
    show(kind, QUOTED, wrong, make(as_in_a_form(QUOTED)), username=f"form.{kind}")
    show(kind, QUOTED, wrong, make(QUOTED.strip()), username=f"cli.{kind}")

# With the characters around them that a spreadsheet or a text editor adds.
for number, (before, after) in enumerate([("\ufeff", "\r\n"), (" \u200b", "\u00a0"), ("\u202a\t", "\u202c\u200f")]):
    show(
        "surrounded",
        PASSWORD,
        ["x"],
        before + plain_bcrypt(PASSWORD) + after,
        username=f"surrounded{number}",
        totp_secret=before + pyotp.random_base32() + after,
    )
