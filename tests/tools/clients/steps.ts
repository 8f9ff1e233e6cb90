/** What every generated client is tried with: the calls of one person, as each of them writes them. */
export interface Client {
  /** Registers, and returns the pre-auth token and the secret of the authenticator. */
  register(email: string, password: string): Promise<{ preAuthToken: string; secret: string }>;
  /** Logs in, and returns the pre-auth token of an answer that asks for a code. */
  logIn(email: string, password: string): Promise<string>;
  /** Completes a login. */
  verify(preAuthToken: string, code: string): Promise<{ access: string; refresh: string; recoveryCodes: number }>;
  /** Returns the code of the problem that a wrong second-factor code is answered with. */
  refused(preAuthToken: string, code: string): Promise<string>;
  /** Exchanges a refresh token for an access token. */
  refresh(refreshToken: string): Promise<string>;
  /** Returns the address of the account. */
  me(accessToken: string): Promise<string>;
}

/** Ends a walk where an answer is not the one that is expected. */
export function unexpected(answer: unknown): never {
  throw new Error(`unexpected: ${JSON.stringify(answer)}`);
}
