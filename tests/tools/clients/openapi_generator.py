"""The calls of one user, with the Python client of openapi-generator."""

import vestibule_client as generated

import steps


class Calls:
    def __init__(self, base):
        self.base = base
        self.sign_in = generated.SignInApi(self.client())

    def client(self, access_token=None):
        return generated.ApiClient(generated.Configuration(host=self.base, access_token=access_token))

    def register(self, email, password):
        made = self.sign_in.register(generated.RegisterRequest(email=email, password=password))
        assert isinstance(made, generated.RegisterResponse), made
        return made.pre_auth_token, made.totp.secret

    def log_in(self, email, password):
        login = self.sign_in.log_in(generated.LoginRequest(email=email, password=password))
        assert isinstance(login.actual_instance, generated.SecondFactorRequired), login
        return login.actual_instance.pre_auth_token

    def verify(self, pre_auth_token, code):
        body = generated.VerifyRequest(pre_auth_token=pre_auth_token, code=code, method=generated.CodeMethod.TOTP)
        tokens = self.sign_in.verify_second_factor(body)
        return tokens.access_token, tokens.refresh_token, len(tokens.recovery_codes or [])

    def refused(self, pre_auth_token, code):
        try:
            self.sign_in.verify_second_factor(generated.VerifyRequest(pre_auth_token=pre_auth_token, code=code))
        except generated.exceptions.UnauthorizedException as refusal:
            assert isinstance(refusal.data, generated.Problem), refusal
            return refusal.data.code.value
        raise AssertionError("not refused")

    def refresh(self, refresh_token):
        sessions = generated.SessionsApi(self.client())
        return sessions.refresh_tokens(generated.RefreshRequest(refresh_token=refresh_token)).access_token

    def me(self, access_token):
        return generated.AccountApi(self.client(access_token)).get_me().email


steps.walk(Calls)
