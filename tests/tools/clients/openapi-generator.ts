import {
  AccountApi,
  Configuration,
  type Problem,
  ProblemFromJSON,
  ResponseError,
  SessionsApi,
  SignInApi,
} from "./generated/typescript-fetch/src";
import { type Client, unexpected } from "./steps.js";

export function make(basePath: string): Client {
  const signIn = new SignInApi(new Configuration({ basePath }));
  const problem = async (call: Promise<unknown>): Promise<Problem> => {
    const error = await call.then(unexpected, (error: unknown) => error);
    return error instanceof ResponseError ? ProblemFromJSON(await error.response.json()) : unexpected(error);
  };
  return {
    async register(email, password) {
      // Two statuses have a schema: the generated function returns that of the first.
      const made = await signIn.register({ registerRequest: { email, password } });
      if (!("preAuthToken" in made) || !made.totp) return unexpected(made);
      return { preAuthToken: made.preAuthToken, secret: made.totp.secret };
    },
    async logIn(email, password) {
      const login = await signIn.logIn({ loginRequest: { email, password } });
      return login.status === "second_factor_required" ? login.preAuthToken : unexpected(login);
    },
    async verify(preAuthToken, code) {
      const tokens = await signIn.verifySecondFactor({ verifyRequest: { preAuthToken, code, method: "totp" } });
      const { accessToken, refreshToken, recoveryCodes } = tokens;
      if (!refreshToken) return unexpected(tokens);
      return { access: accessToken, refresh: refreshToken, recoveryCodes: recoveryCodes?.length ?? 0 };
    },
    async refused(preAuthToken, code) {
      return (await problem(signIn.verifySecondFactor({ verifyRequest: { preAuthToken, code } }))).code;
    },
    async refresh(refreshToken) {
      const sessions = new SessionsApi(new Configuration({ basePath }));
      return (await sessions.refreshTokens({ refreshRequest: { refreshToken } })).accessToken;
    },
    async me(accessToken) {
      const account = new AccountApi(new Configuration({ basePath, accessToken }));
      const me = await account.getMe();
      return me.email ?? unexpected(me);
    },
  };
}
