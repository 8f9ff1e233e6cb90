/**
 * The session of the signed-in user: its access token in memory, its refresh token in the storage, and the listeners
 * that hear of its beginning and end.
 */

import { VestibuleError, isVestibuleError, userChanged } from "./errors.ts";
import type { SecureStorage } from "./storage.ts";
import { Tabs } from "./tabs.ts";
import type { SentRequest, Token, Transport } from "./transport.ts";
import type { Shape } from "./types.ts";

/** Whether a user is signed in. */
export type SessionState =
  /** Nothing is known yet: `restore()` has not ended. */
  | { readonly status: "unknown" }
  | { readonly status: "signed_out" }
  | {
      readonly status: "signed_in";
      /** The id of the account: the `sub` of its tokens. */
      readonly userId: string;
      readonly session: Shape<"Session">;
      /**
       * New recovery codes, until the user has confirmed that they are stored (`confirmRecoveryCodes()`). They are
       * shown this once, and only in the tab where they were made. Mostly empty.
       */
      readonly recoveryCodes: readonly string[];
    };

/** The access token of a session, and what is known of it. Other tabs get it as it is. */
interface Grant {
  token: Token;
  /** When it is no longer used, by the clock of this machine, in milliseconds. */
  until: number;
  userId: string;
  session: Shape<"Session">;
}

/** What a tab tells the others: its new tokens, or that the session has ended. */
interface Message {
  grant?: Grant;
}

/** An access token is not used during its last seconds. This is how many. */
const MARGIN = 20;
/** How long a refresh may take, in milliseconds: all tabs wait for it. */
const PATIENCE = 20_000;

/** Stores the tokens of one session and renews them. */
export class SessionKeeper {
  readonly #transport: Transport;
  /** `undefined` if the tokens are in cookies. */
  readonly #storage: SecureStorage | undefined;
  readonly #tabs: Tabs<Message> | undefined;
  readonly #listeners = new Set<(state: SessionState) => void>();
  #state: SessionState = { status: "unknown" };
  #grant: Grant | undefined;
  #refreshing: Promise<void> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(transport: Transport, storage: SecureStorage | undefined) {
    this.#transport = transport;
    this.#storage = storage;
    // Only tabs with the cookie share a session.
    if (storage === undefined) {
      this.#tabs = new Tabs(`vestibule ${transport.base}`, ({ grant }) => {
        this.#grant = grant;
        this.#show(grant);
      });
    }
  }

  get state(): SessionState {
    return this.#state;
  }

  /** The id of the signed-in user. */
  get userId(): string | undefined {
    return this.#grant?.userId;
  }

  /** Calls back after each change of the state. Returns what ends that. */
  subscribe(listener: (state: SessionState) => void): () => void {
    this.#tabs?.open();
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Stores the tokens of an answer. */
  async accept(tokens: Shape<"TokenResponse">): Promise<void> {
    // Stored first: a client that loses its newest refresh token loses its session.
    await this.#store(tokens);
    this.#grant = {
      token: { value: tokens.access_token, isBound: tokens.token_type === "DPoP" },
      until: Date.now() + (tokens.expires_in - MARGIN) * 1000,
      userId: subject(tokens.access_token),
      session: tokens.session,
    };
    this.#tabs?.tell({ grant: this.#grant });
    this.#show(this.#grant, tokens.recovery_codes);
  }

  /** Returns a token that has not expired. */
  async token(): Promise<Token> {
    if (this.#grant === undefined || this.#grant.until <= Date.now()) await this.refresh();
    if (this.#grant === undefined) throw signedOut();
    return this.#grant.token;
  }

  /**
   * Gets new tokens, once for all callers at the same moment, in all tabs.
   * @param replaced the access token that is no longer good; if there is another one by now, nothing is sent
   */
  refresh(replaced = this.#grant?.token): Promise<void> {
    this.#refreshing ??= this.alone(async () => {
      // Another tab was faster.
      if (this.#grant !== undefined && this.#grant.token !== replaced) return;
      await this.#refresh();
    }).finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  /** Runs work after all other such work, in all tabs. */
  alone<R>(work: () => Promise<R>): Promise<R> {
    const turn = this.#last.then(() => (this.#tabs === undefined ? work() : this.#tabs.alone(work)));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /**
   * Runs work that replaces the refresh token, with the newest access token. No tab refreshes meanwhile.
   * @throws VestibuleError `user_changed` if the refresh token is another user's, whose session would be lost
   */
  replace(work: (token: Token) => Promise<Shape<"TokenResponse">>): Promise<void> {
    const { userId } = this;
    return this.alone(async () => {
      if (this.#grant === undefined) throw signedOut();
      // Pages of another origin, such as the account pages, sign users in with the same cookie, and tell nothing here.
      await this.#refresh();
      if (this.userId !== userId) throw userChanged();
      await this.accept(await work(this.#grant.token));
    });
  }

  /**
   * Ends the session that this tab shows, and that of the refresh token if it is the same user's. If it is another
   * user's, that user is signed in from now on.
   */
  end(): Promise<void> {
    const shown = this.#grant;
    return this.alone(async () => {
      const renewed = shown === undefined ? undefined : await this.#stillValid();
      if (renewed !== undefined) await this.#store(renewed);
      const body = await this.#stored();
      const owner = renewed === undefined ? undefined : subject(renewed.access_token);
      // The service refuses a request with the tokens of two sessions.
      const isOne = shown?.session.id === renewed?.session.id;
      const tokens = isOne ? { body } : { withCookies: false };
      const hasEnded = shown !== undefined && (await this.#logOut({ token: shown.token, ...tokens }));
      if (renewed !== undefined && owner !== shown?.userId) return this.accept(renewed);
      if (!hasEnded || !isOne) await this.#logOut({ body });
      await this.drop();
    });
  }

  /** Forgets the session, in all tabs. The token of a trusted device stays: it is for the next sign-in. */
  async drop(): Promise<void> {
    await this.#storage?.save("refresh-token", undefined);
    this.#grant = undefined;
    this.#tabs?.tell({});
    this.#show(undefined);
  }

  /** Shows new recovery codes, or none any more. */
  show(recoveryCodes: readonly string[]): void {
    if (this.#grant !== undefined) this.#show(this.#grant, recoveryCodes);
  }

  /** Returns the body that names the session by its refresh token; an empty one if that is in a cookie, or missing. */
  async #stored(): Promise<Shape<"RefreshRequest">> {
    const token = await this.#storage?.load("refresh-token");
    return token === undefined ? {} : { refresh_token: token };
  }

  /** Returns the same for a request that needs it. */
  async #named(): Promise<Shape<"RefreshRequest">> {
    const body = await this.#stored();
    if (this.#storage !== undefined && body.refresh_token === undefined) throw signedOut();
    return body;
  }

  async #store(tokens: Shape<"TokenResponse">): Promise<void> {
    await this.#storage?.save("refresh-token", tokens.refresh_token);
    if (tokens.device_token !== undefined) await this.#storage?.save("device-token", tokens.device_token);
  }

  /** Returns new tokens; `undefined` if the session of the refresh token has ended. */
  async #stillValid(): Promise<Shape<"TokenResponse"> | undefined> {
    try {
      return await this.#renewed();
    } catch (error) {
      if (isVestibuleError(error, "invalid_refresh_token", "invalid_dpop_proof")) return undefined;
      throw error;
    }
  }

  /** Returns whether the service knows the tokens. */
  async #logOut(tokens: Pick<SentRequest, "token" | "body" | "withCookies">): Promise<boolean> {
    try {
      await this.#transport.send({ method: "post", path: "/logout", ...tokens });
      return true;
    } catch (error) {
      if (isVestibuleError(error, "invalid_token", "invalid_dpop_proof")) return false;
      throw error;
    }
  }

  async #refresh(): Promise<void> {
    try {
      await this.accept(await this.#renewed());
    } catch (error) {
      // The key is gone, or the session never had it.
      if (isVestibuleError(error, "invalid_refresh_token", "invalid_dpop_proof")) {
        await this.drop();
        throw signedOut(error);
      }
      throw error;
    }
  }

  async #renewed(): Promise<Shape<"TokenResponse">> {
    const first = await this.#named();
    try {
      return await this.#exchange(first);
    } catch (error) {
      // If only the answer was lost, the service repeats it for the same token, for some seconds.
      if (isVestibuleError(error, "no_answer")) return this.#exchange(first);
      // A session that began without a proof, such as on the account pages, goes on without one.
      if (isVestibuleError(error, "invalid_dpop_proof")) return this.#exchange(first, false);
      // Another part of the app may have stored a newer token meanwhile.
      const next = isVestibuleError(error, "invalid_refresh_token") ? await this.#named() : first;
      if (next.refresh_token === first.refresh_token) throw error;
      return this.#exchange(next);
    }
  }

  async #exchange(body: Shape<"RefreshRequest">, isProved = true): Promise<Shape<"TokenResponse">> {
    const stopping = new AbortController();
    const timer = setTimeout(() => stopping.abort(), PATIENCE);
    const request = { method: "post", path: "/token/refresh", body, isProved, signal: stopping.signal };
    try {
      return (await this.#transport.send(request)) as Shape<"TokenResponse">;
    } catch (cause) {
      if (!stopping.signal.aborted) throw cause;
      throw new VestibuleError("no_answer", "a refresh was not answered in time", { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  #show(grant: Grant | undefined, recoveryCodes?: readonly string[]): void {
    const shown = this.#state.status === "signed_in" && this.#state.userId === grant?.userId ? this.#state : undefined;
    this.#state =
      grant === undefined
        ? { status: "signed_out" }
        : {
            status: "signed_in",
            userId: grant.userId,
            session: grant.session,
            recoveryCodes: recoveryCodes ?? shown?.recoveryCodes ?? [],
          };
    for (const listener of [...this.#listeners]) listener(this.#state);
  }
}

function signedOut(cause?: VestibuleError): VestibuleError {
  const about = { cause, ...(cause?.problem !== undefined && { problem: cause.problem }) };
  return new VestibuleError("invalid_refresh_token", "no user is signed in", about);
}

/** Reads `sub` of an access token. The service has just sent it, so its signature is not verified here. */
function subject(accessToken: string): string {
  const claims = atob((accessToken.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/"));
  return String((JSON.parse(claims) as { sub?: unknown }).sub);
}
