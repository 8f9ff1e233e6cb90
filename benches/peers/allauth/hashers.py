"""Django's bcrypt with the cost that the benchmark gives all services."""

import os

from django.contrib.auth.hashers import BCryptSHA256PasswordHasher


class Bcrypt(BCryptSHA256PasswordHasher):
    rounds = int(os.environ["PEER_BCRYPT_COST"])
