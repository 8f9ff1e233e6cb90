"""Creates the tables of a django-allauth and users in them, and prints the data for the load generator.

    python populate.py NUMBER

Invariant: everything that is stored about a user is created by allauth's and Django's own functions, like in a sign-in
by password. Only the password check is omitted, which would take half an hour.
"""

import base64
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

# Logins of one user that are tried with the same code.
AGAIN = 8


def make_key() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kind = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    Path(os.environ["PEER_KEY"]).write_bytes(key.private_bytes(*kind))


def request_with_session():
    """Returns a request as the API's views see it."""
    from allauth.headless.constants import Client
    from allauth.headless.internal import decorators, sessionkit
    from django.contrib.auth.models import AnonymousUser
    from django.test import RequestFactory
    from types import SimpleNamespace

    request = RequestFactory().post("/_allauth/app/v1/auth/login")
    request.allauth = SimpleNamespace()
    decorators.mark_request_as_headless(request, Client.APP)
    request.session = sessionkit.new_session()
    request.user = AnonymousUser()
    return request


def pend(user) -> str:
    """Creates a pending login, and returns its token."""
    from allauth.account.internal.flows.login import perform_password_login
    from allauth.account.models import Login
    from allauth.core import context

    request = request_with_session()
    with context.request_context(request):
        perform_password_login(request, {"email": user.email}, Login(user=user, email=user.email))
        request.session.save()
    return request.session.session_key


def sign_in(user, totp) -> tuple[str, str]:
    """Creates an active session, and returns its access token and its refresh token."""
    from allauth.account.internal.flows.login import record_authentication
    from allauth.core import context
    from allauth.headless import app_settings
    from django.contrib.auth import login

    request = request_with_session()
    with context.request_context(request):
        record_authentication(request, user, "password", email=user.email)
        record_authentication(request, user, "mfa", id=totp.instance.pk, type=totp.instance.type)
        login(request, user, backend="allauth.account.auth_backends.AuthenticationBackend")
        tokens = app_settings.TOKEN_STRATEGY.create_access_token_payload(request)
        request.session.save()
    return tokens["access_token"], tokens["refresh_token"]


def populate(number: int) -> list[dict]:
    from allauth.account.models import EmailAddress
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
    from django.contrib.auth.hashers import make_password
    from django.contrib.auth.models import User

    password, users = make_password("korrekt pferd batterie heftklammer"), []
    for place in range(number):
        email = f"user{place:09}@example.com"
        user = User.objects.create(username=f"user{place:09}", email=email, password=password)
        EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
        secret = generate_totp_secret()
        totp = TOTP.activate(user, secret)
        access, refresh = sign_in(user, totp)
        secret = base64.b32decode(secret).hex()
        tokens = {"pending": pend(user), "session": access, "refresh": refresh}
        users.append({"email": email, "secret": secret, "user": user} | tokens)
    return users


def main() -> None:
    make_key()
    os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
    import django

    django.setup()
    from django.contrib.auth.hashers import get_hasher
    from django.core.management import call_command
    from django.db import connection, transaction

    call_command("migrate", verbosity=0)
    with transaction.atomic():
        # One more than requested, whose logins are all tried with one code.
        *users, last = populate(int(sys.argv[1]) + 1)
        again = [last | {"pending": pend(last["user"])} for _ in range(AGAIN)]
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    hasher = get_hasher()
    about = (
        f"django-allauth {version('django-allauth')}, Django {version('django')}, gunicorn {version('gunicorn')}, "
        f"Python {platform.python_version()}; passwords by {hasher.algorithm}, cost {hasher.rounds}"
    )
    for user in users + again:
        del user["user"]
    json.dump({"about": about, "users": users, "again": again}, sys.stdout)


main()
