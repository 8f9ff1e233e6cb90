/** The client: sign-ins, the session of the user, and requests to the service and to back ends. */

import { fetchBackEnd } from "./back-ends.ts";
import { Core, type Options } from "./core.ts";
import { isVestibuleError } from "./errors.ts";
import {
  type ProviderOptions,
  type ProviderOutcome,
  deviceToken,
  finishProviderSignIn,
  startProviderSignIn,
} from "./federation.ts";
import { createPasskey, suggestPasskeys, usePasskey } from "./passkeys.ts";
import type { SessionState } from "./session.ts";
import {
  type RegisterOutcome,
  type Registration,
  type SecondFactor,
  type SignInOutcome,
  outcomeOf,
  register,
  secondFactor,
} from "./sign-in.ts";
import type { Prove } from "./step-up.ts";
import type { Answer, Details, Method, PathOf, Rest, Shape } from "./types.ts";
import { type WorkOptions, withWork } from "./work.ts";

/** A user names their account by its address or its user name. */
export type Credentials = ({ email: string } | { username: string }) & { password: string };

/**
 * A client of Vestibule. Make one for an app, or one for each request of a server that acts for users.
 *
 * Every function that sends something throws a `VestibuleError` if it fails.
 */
export class Vestibule {
  readonly #core: Core;
  readonly #backEnds: readonly string[];

  /** @param base the URL of the service, such as `https://auth.example.com` */
  constructor(base: string, options: Options = {}) {
    this.#core = new Core(base, options);
    this.#backEnds = (options.backEnds ?? []).map((url) => new URL(url).origin);
  }

  // ——— The session ———

  /** Whether a user is signed in. The object stays the same until something changes. */
  get state(): SessionState {
    return this.#core.keeper.state;
  }

  /** Calls back after each change of `state`, in this tab or in another one. Returns what ends that. */
  subscribe(listener: (state: SessionState) => void): () => void {
    return this.#core.keeper.subscribe(listener);
  }

  /**
   * Continues the session after a reload or a restart, and returns whether a user is signed in. If the service does not
   * answer, it throws, and `state` stays as it was: try again later.
   */
  async restore(): Promise<SessionState> {
    try {
      await this.#core.keeper.refresh();
    } catch (error) {
      if (!isVestibuleError(error, "invalid_refresh_token")) throw error;
    }
    return this.state;
  }

  /** Gets new tokens now, such as after a change of roles. */
  refresh(): Promise<void> {
    return this.#core.keeper.refresh();
  }

  /** Returns an access token that is good for some seconds at least, for what `fetch` cannot do. */
  async accessToken(): Promise<string> {
    return (await this.#core.keeper.token()).value;
  }

  /**
   * Ends the session that this tab shows, in all tabs. If the service cannot be reached, this throws, and the user
   * stays signed in. If another user has signed in meanwhile, such as on the account pages, `state` shows that user
   * afterwards: their session goes on.
   */
  signOut(): Promise<void> {
    return this.#core.keeper.end();
  }

  /** Forgets a session that the service has ended, such as that of an account that was just deleted. */
  forget(): Promise<void> {
    return this.#core.keeper.drop();
  }

  /** Says that the user has stored the `recoveryCodes` of `state`. */
  confirmRecoveryCodes(): void {
    this.#core.keeper.show([]);
  }

  // ——— Register and sign in ———

  /** Creates an account. The user then sets up a second factor, or goes on with a mail. */
  register(registration: Registration): Promise<RegisterOutcome> {
    return register(this.#core, registration);
  }

  /** Signs in with a password. Computes if the service demands work in the place of a wait. */
  async signIn(credentials: Credentials, options: WorkOptions = {}): Promise<SignInOutcome> {
    const core = this.#core;
    const body = { ...credentials, delivery: core.delivery, ...(await deviceToken(core)) };
    const send = (work: object) => core.call("post", "/login", { body: { ...body, ...work }, signal: options.signal });
    return outcomeOf(core, await withWork(send, options));
  }

  /**
   * Signs in with a passkey alone. Call it when the user presses a button; or with `autofill` when the page opens, for
   * a field with `autocomplete="username webauthn"`. The suggestion waits until the signal is aborted or another
   * request for a passkey begins, and then throws `passkey_cancelled`.
   */
  async signInWithPasskey({ autofill = false, signal }: PasskeyOptions = {}): Promise<SignInOutcome> {
    const core = this.#core;
    const getOptions = async () => core.call("post", "/passkey/options", { signal });
    const credential = autofill
      ? await suggestPasskeys(getOptions, signal)
      : await usePasskey((await getOptions()).options, signal);
    const body = { credential, delivery: core.delivery };
    return outcomeOf(core, await core.call("post", "/passkey/verify", { body }));
  }

  /** Mails a link to sign in with. The answer is the same whether the address has an account or not. */
  async requestMagicLink(email: string): Promise<void> {
    await this.#core.call("post", "/magic-link", { body: { email } });
  }

  /** Signs in with the token of a mailed link. Call it when the user presses a button: mail scanners open links. */
  async signInWithMagicLink(token: string): Promise<SignInOutcome> {
    const body = { token, delivery: this.#core.delivery };
    return outcomeOf(this.#core, await this.#core.call("post", "/magic-link/verify", { body }));
  }

  /** Returns what completes the login of a pre-auth token, such as one that a server keeps in its session. */
  secondFactor(preAuthToken: string): SecondFactor {
    return secondFactor(this.#core, preAuthToken);
  }

  /** Goes on after the answer to a login that was sent with `call`, such as `POST /federation/{provider}/token`. */
  continueSignIn(login: Shape<"LoginResponse">): Promise<SignInOutcome> {
    return outcomeOf(this.#core, login);
  }

  /** Lists the providers that users can sign in with, such as Google. */
  async providers(): Promise<Shape<"Provider">[]> {
    return (await this.#core.call("get", "/federation")).providers;
  }

  /** Starts a sign-in at a provider. Returns the URL to send the browser to: `location.assign(url)`. */
  startProviderSignIn(provider: string, options: ProviderOptions): Promise<string> {
    return startProviderSignIn(this.#core, provider, options);
  }

  /**
   * Finishes a sign-in at a provider, on the page of the redirect URI.
   * @param emailToken the token of a mail, after `email_not_verified`
   */
  finishProviderSignIn(url: string = location.href, emailToken?: string): Promise<ProviderOutcome> {
    return finishProviderSignIn(this.#core, url, emailToken);
  }

  // ——— Links of mails ———

  /** Mails a link to set a new password with. The answer is the same whether the address has an account or not. */
  async forgotPassword(email: string): Promise<void> {
    await this.#core.call("post", "/password/forgot", { body: { email } });
  }

  /** Sets a new password with the token of a mailed link. All sessions of the account end. */
  async resetPassword(token: string, newPassword: string): Promise<void> {
    await this.#core.call("post", "/password/reset", { body: { token, new_password: newPassword } });
  }

  /** Mails another link to verify an address with: that of the signed-in user, or the one given. */
  async requestEmailVerification(email?: string): Promise<void> {
    const path = "/email/verify/request";
    if (email === undefined) await this.#core.authorized("post", path, { body: {} });
    else await this.#core.call("post", path, { body: { email } });
  }

  /**
   * Verifies an address with the token of a mailed link. If no user is signed in, or the link is of another account, it
   * throws `proof_required`: ask for the password of the account and call it again. The token stays valid meanwhile.
   */
  async verifyEmail(token: string, password?: string): Promise<void> {
    const path = "/email/verify";
    if (password !== undefined) await this.#core.call("post", path, { body: { token, password } });
    else if (this.state.status === "signed_in") await this.#core.authorized("post", path, { body: { token } });
    else await this.#core.call("post", path, { body: { token } });
  }

  // ——— The account ———

  /** Returns the account of the signed-in user. */
  user(): Promise<Shape<"Me">> {
    return this.#core.authorized("get", "/me");
  }

  /** Lists where the user is signed in. */
  sessions(): Promise<Shape<"ListedSession">[]> {
    return this.#core.authorized("get", "/sessions");
  }

  async endSession(id: string): Promise<void> {
    await this.#core.authorized("delete", "/sessions/{id}", { path: { id } });
  }

  /** Ends all sessions but this one. */
  async endOtherSessions(): Promise<void> {
    await this.#core.authorized("delete", "/sessions");
  }

  /** Adds a passkey to the account. Call it when the user presses a button. Needs a recent proof. */
  async addPasskey(name?: string): Promise<Shape<"PasskeyResponse">> {
    const { options } = await this.#core.authorized("post", "/2fa/passkeys/options");
    const credential = await createPasskey(options);
    const body = name === undefined ? { credential } : { credential, name };
    const made = await this.#core.authorized("post", "/2fa/passkeys", { body });
    if (made.recovery_codes !== undefined) this.#core.keeper.show(made.recovery_codes);
    return made;
  }

  /** Makes new recovery codes, which replace the old ones, and shows them in `state`. Needs a recent proof. */
  async renewRecoveryCodes(): Promise<readonly string[]> {
    const { recovery_codes: codes = [] } = await this.#core.authorized("post", "/2fa/recovery-codes");
    this.#core.keeper.show(codes);
    return codes;
  }

  // ——— Everything else ———

  /** What asks the user for a proof before a sensitive change. Without it such requests fail. */
  get prove(): Prove | undefined {
    return this.#core.prove;
  }

  set prove(prove: Prove | undefined) {
    this.#core.prove = prove;
  }

  /** Sends any request of the API without a token. */
  call<M extends Method, Path extends PathOf<M>>(
    method: M,
    path: Path,
    ...rest: Rest<Details<Path, M>>
  ): Promise<Answer<Path, M>> {
    return this.#core.call(method, path, ...rest);
  }

  /** Sends any request of the API as the signed-in user. Renews an expired token, and asks for a proof if needed. */
  authorized<M extends Method, Path extends PathOf<M>>(
    method: M,
    path: Path,
    ...rest: Rest<Details<Path, M>>
  ): Promise<Answer<Path, M>> {
    return this.#core.authorized(method, path, ...rest);
  }

  /**
   * Sends a request to a back end of the app, as `fetch` does, with the access token. Renews an expired token, and asks
   * the user for a proof if the back end demands one (RFC 9470).
   * @throws TypeError if the URL is neither of the page's origin nor of one in `backEnds`
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    return fetchBackEnd(this.#core, this.#backEnds, input, init);
  }
}

/** How a passkey is asked for. */
export interface PasskeyOptions {
  /** Suggests passkeys in a field, in the place of a dialog. */
  autofill?: boolean;
  signal?: AbortSignal;
}
