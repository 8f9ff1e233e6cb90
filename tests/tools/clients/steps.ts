/** The calls of one user, which every generated client has to support. */
export interface Client {
  /** Registers, and returns the pre-auth token and the secret of the authenticator. */
  register(email: string, password: string): Promise<{ preAuthToken: string; secret: string }>;
  /** Logs in, and returns the pre-auth token of an answer that asks for a code. */
  logIn(email: string, password: string): Promise<string>;
  /** Completes a login. */
  verify(preAuthToken: string, code: string): Promise<{ access: string; refresh: string; recoveryCodes: number }>;
  /** Sends a wrong second-factor code, and returns the code of the problem. */
  refused(preAuthToken: string, code: string): Promise<string>;
  /** Exchanges a refresh token for an access token. */
  refresh(refreshToken: string): Promise<string>;
  /** Returns the address of the account. */
  me(accessToken: string): Promise<string>;
}

/** Ends the steps because of an unexpected answer. */
export function unexpected(answer: unknown): never {
  throw new Error(`unexpected: ${JSON.stringify(answer)}`);
}
