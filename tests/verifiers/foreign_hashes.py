"""Makes users as other programs keep them: hashes by the very libraries that these programs use.

    python foreign_hashes.py

Prints one JSON object a line: the kind, a password that opens the account, those that do not, and the user as
`vestibule users import` takes it.
"""

import json
import logging

import argon2
import bcrypt
import django
import flask
import flask_bcrypt
import pyotp
import werkzeug.security
from argon2.low_level import Type, hash_secret
from django.conf import settings
from django.contrib.auth import hashers
from passlib.hash import argon2 as passlib_argon2
from passlib.hash import bcrypt as passlib_bcrypt
from passlib.hash import bcrypt_sha256 as passlib_bcrypt_sha256

PASSWORD = "Grüne Fenster im Regen"
# 72 bytes, and then some that bcrypt alone does not see.
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
# It looks for a version number where bcrypt has none any more, and says so.
logging.getLogger("passlib").setLevel(logging.ERROR)


def plain_bcrypt(password, prefix=b"2b"):
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4, prefix)).decode()


def flask_long(password):
    """Flask-Bcrypt with BCRYPT_HANDLE_LONG_PASSWORDS hashes as Django does, but does not say so: the manual tells how to."""
    app = flask.Flask("shop")
    app.config.update(BCRYPT_HANDLE_LONG_PASSWORDS=True, BCRYPT_LOG_ROUNDS=4)
    return "bcrypt_sha256$" + flask_bcrypt.Bcrypt(app).generate_password_hash(password).decode()


def passlib_sha256(password, **parameters):
    return passlib_bcrypt_sha256.using(rounds=4, **parameters).hash(password)


def argon2_of(password, kind, version):
    return hash_secret(password.encode(), b"0123456789abcdef", 2, 64, 2, 32, kind, version).decode()


def django_quick(hasher, password, **costs):
    for name, value in costs.items():
        setattr(hasher, name, value)
    return hasher.encode(password, hasher.salt())


def django_default(name):
    return lambda password: hashers.make_password(password, hasher=name)


werkzeug_hash = werkzeug.security.generate_password_hash

# At low costs, to be tried many times.
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
    "werkzeug": werkzeug_hash,
    "werkzeug-pbkdf2": lambda password: werkzeug_hash(password, "pbkdf2"),
}
# What looks at the first 72 bytes only.
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

for kind, make in DEFAULTS.items():
    show(kind, PASSWORD, [PASSWORD + "."], make(PASSWORD), username=f"default.{kind}")

# Decomposed, as some keyboards type it: other programs hash what they get.
show("decomposed", "Gru\u0308ne Fenster", ["Grüne Fenster"], plain_bcrypt("Gru\u0308ne Fenster"), username="decomposed")
