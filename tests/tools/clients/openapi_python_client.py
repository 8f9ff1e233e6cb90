"""The calls of one user, with the client of openapi-python-client."""

from vestibule_client import AuthenticatedClient, Client
from vestibule_client.api.account import get_me
from vestibule_client.api.sessions import refresh_tokens
from vestibule_client.api.sign_in import log_in, register, verify_second_factor
from vestibule_client.models import (
    CodeMethod, LoginRequest, Problem, RefreshRequest, RegisterRequest, RegisterResponse, SecondFactorRequired,
    Me, TokenResponse, VerifyRequest,
)

import steps


class Calls:
    def __init__(self, base):
        self.base = base
        self.client = Client(base_url=base)

    def register(self, email, password):
        made = register.sync(client=self.client, body=RegisterRequest(email=email, password=password))
        assert isinstance(made, RegisterResponse), made
        return made.pre_auth_token, made.totp.secret

    def log_in(self, email, password):
        login = log_in.sync(client=self.client, body=LoginRequest(email=email, password=password))
        assert isinstance(login, SecondFactorRequired), login
        return login.pre_auth_token

    def verify(self, pre_auth_token, code):
        body = VerifyRequest(pre_auth_token=pre_auth_token, code=code, method=CodeMethod.TOTP)
        tokens = verify_second_factor.sync(client=self.client, body=body)
        assert isinstance(tokens, TokenResponse), tokens
        return tokens.access_token, tokens.refresh_token, len(tokens.recovery_codes or [])

    def refused(self, pre_auth_token, code):
        body = VerifyRequest(pre_auth_token=pre_auth_token, code=code)
        problem = verify_second_factor.sync(client=self.client, body=body)
        assert isinstance(problem, Problem), problem
        return problem.code.value

    def refresh(self, refresh_token):
        tokens = refresh_tokens.sync(client=self.client, body=RefreshRequest(refresh_token=refresh_token))
        assert isinstance(tokens, TokenResponse), tokens
        return tokens.access_token

    def me(self, access_token):
        me = get_me.sync(client=AuthenticatedClient(base_url=self.base, token=access_token))
        assert isinstance(me, Me), me
        return me.email


steps.walk(Calls)
