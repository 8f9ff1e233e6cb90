"""A django-allauth to be measured beside vestibule: its headless API for apps, with TOTP and JWT tokens.

Invariant: as its documentation wants it in production, and where there is a choice, what is faster. What differs from a
default says why. The database is the one that PGHOST, PGPORT, PGUSER and PGDATABASE name; PEER_KEY names a file with the
RSA key that signs tokens.
"""

import os
from pathlib import Path

# The same in each process; nothing here outlives a measurement.
SECRET_KEY = "a key of a benchmark, which keeps no secret"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.mfa",
]
# What the API works with, and no more: each further layer would cost each request something.
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ["PGDATABASE"],
        # One connection for each thread of the server, kept for ever.
        "CONN_MAX_AGE": None,
        # Statements stay prepared, which Django leaves off: some ten in a hundred faster.
        "OPTIONS": {"server_side_binding": True, "prepare_threshold": 5},
    }
}
# Where allauth remembers which codes were used. Django's default, the memory of each process, costs nothing; but a code
# that one process has taken, another takes again.
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 1_000_000}}
}

HEADLESS_ONLY = True
HEADLESS_CLIENTS = ("app",)
HEADLESS_TOKEN_STRATEGY = "allauth.headless.tokens.strategies.jwt.JWTTokenStrategy"
HEADLESS_JWT_PRIVATE_KEY = Path(os.environ["PEER_KEY"]).read_text()
# Tokens and logins are made beforehand and have to outlive the measurement.
HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = 86_400
ACCOUNT_LOGIN_TIMEOUT = 86_400
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
# A look at the addresses less.
ACCOUNT_EMAIL_VERIFICATION = "none"
# All load comes from one address.
ACCOUNT_RATE_LIMITS = False
MFA_RATE_LIMITS = False
# As vestibule: the code before and the code after are good as well.
MFA_TOTP_TOLERANCE = 1
