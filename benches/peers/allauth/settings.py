"""A django-allauth to compare with vestibule: its headless API for apps, with TOTP and JWT tokens.

Invariant: configured as its documentation recommends for production and, where there is a choice, for speed. Deviations
from a default are explained. The database is the one that PGHOST, PGPORT, PGUSER and PGDATABASE name; PEER_KEY names a
file with the RSA key that signs tokens.
"""

import os
from pathlib import Path

# The same in each process. It protects nothing beyond a measurement.
SECRET_KEY = "a key of a benchmark, which protects nothing"
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
# Only what the API needs, since each further layer would cost time in each request.
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
        # One persistent connection for each thread of the server.
        "CONN_MAX_AGE": None,
        # Prepared statements, which Django does not use by default: about ten percent faster.
        "OPTIONS": {"server_side_binding": True, "prepare_threshold": 5},
    }
}
# Where allauth records used codes. Django's default, the memory of each process, costs nothing, but another process
# accepts a code that one process has already accepted.
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 1_000_000}}
}

# PBKDF2 by default. bcrypt with one cost makes the work of a login the same in all services.
PASSWORD_HASHERS = ["hashers.Bcrypt"]

HEADLESS_ONLY = True
HEADLESS_CLIENTS = ("app",)
HEADLESS_TOKEN_STRATEGY = "allauth.headless.tokens.strategies.jwt.JWTTokenStrategy"
HEADLESS_JWT_PRIVATE_KEY = Path(os.environ["PEER_KEY"]).read_text()
# Tokens and logins are made in advance and must outlive the measurement.
HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = 86_400
ACCOUNT_LOGIN_TIMEOUT = 86_400
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
# Saves a query of the addresses.
ACCOUNT_EMAIL_VERIFICATION = "none"
# All load comes from one address.
ACCOUNT_RATE_LIMITS = False
MFA_RATE_LIMITS = False
# Like vestibule: the previous and the next code are accepted as well.
MFA_TOTP_TOLERANCE = 1
