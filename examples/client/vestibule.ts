/**
 * A client of Vestibule for any front end, to copy and to change. It has no dependencies. Its types are generated from
 * the service's OpenAPI document:
 *
 *     npx openapi-typescript https://auth.example.com/openapi.json --output api.d.ts
 */

import type { components, paths } from "./api.js";

/** A schema of the API. */
export type Shape<Name extends keyof components["schemas"]> = components["schemas"][Name];

type Method = "get" | "post" | "put" | "patch" | "delete";
type Operation<Path extends keyof paths, M extends Method> = NonNullable<paths[Path][M]>;
type Body<O> = O extends { requestBody: { content: { "application/json": infer B } } } ? B : undefined;
type Query<O> = O extends { parameters: { query?: infer Q } } ? Q : undefined;
type Success<R> = { [S in keyof R & (200 | 201 | 202 | 204)]: Content<R[S]> }[keyof R & (200 | 201 | 202 | 204)];
type Content<A> = A extends { content: { "application/json": infer C } } ? C : undefined;
type Answer<O> = O extends { responses: infer R } ? Success<R> : never;

/** What fills the address of a request: `values` the braces in its path, `query` the part behind the question mark. */
interface Address<O> {
  values?: Record<string, string>;
  query?: Query<O>;
}

/** An error answer. Switch on `problem.code`; the other texts are for developers. */
export class VestibuleError extends Error {
  constructor(
    readonly problem: Shape<"Problem">,
    /** Seconds to wait before trying again, on 429 and 503. */
    readonly retryAfter: number | undefined,
  ) {
    super(problem.detail);
  }
}

/** Where clients without the cookie store refresh tokens: a phone's keystore, a server's session. */
export interface Keeper {
  load(): Promise<string | undefined>;
  save(refreshToken: string | undefined): Promise<void>;
}

export interface Options {
  /** `cookie` in browsers: the refresh token is in a cookie that no script can read. */
  refreshTokens: "cookie" | Keeper;
  /** Asks the user for a code or the password, before sensitive changes. */
  prove?: (demand: Shape<"Problem">) => Promise<Shape<"StepUpRequest">>;
  /** Headers of every request, such as the user's IP address if a server calls on behalf of the user. */
  headers?: Record<string, string>;
}

export class Vestibule {
  /** In memory only. */
  #accessToken: string | undefined;
  #refreshing: Promise<void> | undefined;
  #steppingUp: Promise<void> | undefined;

  constructor(
    private readonly base: string,
    private readonly options: Options,
  ) {}

  /** The `delivery` member of requests that start a session. */
  get delivery(): "cookie" | "body" {
    return this.options.refreshTokens === "cookie" ? "cookie" : "body";
  }

  /** Sends a request without a token, or with the one given. */
  async call<Path extends keyof paths, M extends Method>(
    method: M,
    path: Path,
    body: Body<Operation<Path, M>>,
    { bearer, values = {}, query }: Address<Operation<Path, M>> & { bearer?: string } = {},
  ): Promise<Answer<Operation<Path, M>>> {
    const filled = path.replace(/\{(\w+)\}/g, (place, name: string) => encodeURIComponent(values[name] ?? place));
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== undefined && value !== null) search.set(name, String(value));
    }
    const headers: Record<string, string> = { ...this.options.headers };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (bearer !== undefined) headers["Authorization"] = `Bearer ${bearer}`;
    const answer = await fetch(this.base + filled + (search.size > 0 ? `?${search}` : ""), {
      method: method.toUpperCase(),
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      // The cookie also goes from app.example.com to auth.example.com.
      ...(this.delivery === "cookie" && { credentials: "include" as const }),
    });
    const content: unknown = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : undefined;
    if (answer.ok) return content as Answer<Operation<Path, M>>;
    const wait = answer.headers.get("Retry-After");
    throw new VestibuleError(content as Shape<"Problem">, wait === null ? undefined : Number(wait));
  }

  /** Stores the tokens of `/2fa/verify`, `/token/refresh`, `/step-up`; and of `/login`, if a password was enough. */
  async accept(tokens: Shape<"TokenResponse">): Promise<void> {
    const { refreshTokens } = this.options;
    // Stored first: a client that loses its newest refresh token loses its session.
    if (refreshTokens !== "cookie") await refreshTokens.save(tokens.refresh_token ?? undefined);
    this.#accessToken = tokens.access_token;
  }

  /** Sends a request as the signed-in user. Gets a new access token, or a recent proof, if the service requires one. */
  async authorized<Path extends keyof paths, M extends Method>(
    method: M,
    path: Path,
    body: Body<Operation<Path, M>>,
    address: Address<Operation<Path, M>> = {},
  ): Promise<Answer<Operation<Path, M>>> {
    if (this.#accessToken === undefined) await this.refresh();
    // One request may need up to three repairs: for an expired token, and for one or two proofs that are too old.
    for (let tries = 0; ; tries += 1) {
      try {
        return await this.call(method, path, body, { ...address, ...this.#bearer() });
      } catch (error) {
        if (tries === 3 || !(error instanceof VestibuleError) || !(await this.#mend(error.problem))) throw error;
      }
    }
  }

  /** Does what an error demands. Returns false if there is nothing to do. */
  async #mend(problem: Shape<"Problem">): Promise<boolean> {
    if (problem.code === "invalid_token") {
      await this.refresh();
      return true;
    }
    if (problem.code !== "insufficient_user_authentication" || !this.options.prove) return false;
    const proof = await this.options.prove(problem);
    this.#steppingUp = this.#stepUp(proof).finally(() => (this.#steppingUp = undefined));
    await this.#steppingUp;
    return true;
  }

  /** Adds a proof to the session. The previous refresh token is refused from then on, so no refresh runs meanwhile. */
  async #stepUp(proof: Shape<"StepUpRequest">): Promise<void> {
    await this.#refreshing?.catch(() => undefined);
    await this.accept(await this.call("post", "/step-up", proof, this.#bearer()));
  }

  /** Continues a session, also after a reload or a restart. `invalid_refresh_token` means: sign in again. */
  refresh(): Promise<void> {
    // One at a time: a refresh token is used up, and one used twice ends the session.
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  async #refresh(): Promise<void> {
    await this.#steppingUp?.catch(() => undefined);
    const { refreshTokens } = this.options;
    const body = refreshTokens === "cookie" ? {} : { refresh_token: (await refreshTokens.load()) ?? "" };
    await this.accept(await this.call("post", "/token/refresh", body));
  }

  /**
   * Confirms an address with the token of a mailed link. Asks for the account's password only where nothing else shows
   * that the account is the sender's: no user is signed in, or the link is for another account.
   */
  async confirmAddress(token: string, password: () => Promise<string>): Promise<void> {
    try {
      if (this.#accessToken === undefined) await this.call("post", "/email/verify", { token });
      else await this.authorized("post", "/email/verify", { token });
    } catch (error) {
      // The token can still be used.
      if (!(error instanceof VestibuleError) || error.problem.code !== "proof_required") throw error;
      await this.call("post", "/email/verify", { token, password: await password() });
    }
  }

  /**
   * Sends a login or a second factor. While other networks guess at the account, the service asks for work in the place
   * of a wait: this computes for about a second and sends the request again. Abort the signal if the user cancels.
   */
  async withWork<Path extends "/login" | "/2fa/verify">(
    path: Path,
    body: Body<Operation<Path, "post">>,
    signal?: AbortSignal,
  ): Promise<Answer<Operation<Path, "post">>> {
    // During an attack the work gets harder, three times at most.
    for (let tries = 0, altcha = {}; ; tries += 1) {
      try {
        return await this.call("post", path, { ...body, ...altcha });
      } catch (error) {
        const challenge = error instanceof VestibuleError ? error.problem.challenge : undefined;
        if (challenge === undefined || tries === 4) throw error;
        altcha = { altcha: await solve(challenge, signal) };
      }
    }
  }

  async logOut(): Promise<void> {
    await this.call("post", "/logout", {}, this.#bearer());
    this.#accessToken = undefined;
    if (this.options.refreshTokens !== "cookie") await this.options.refreshTokens.save(undefined);
  }

  #bearer(): { bearer?: string } {
    return this.#accessToken === undefined ? {} : { bearer: this.#accessToken };
  }
}

/** Finds the counter whose key begins as the challenge demands, and returns what the service takes as `altcha`. */
export async function solve(challenge: Shape<"WorkChallenge">, signal?: AbortSignal): Promise<string> {
  const { nonce, salt, cost, keyLength, keyPrefix } = challenge.parameters;
  const bytes = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  const derive = async (counter: number): Promise<string> => {
    const password = new Uint8Array([...bytes(nonce), 0, 0, 0, 0]);
    new DataView(password.buffer).setUint32(password.length - 4, counter);
    const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
    const how = { name: "PBKDF2", hash: "SHA-256", salt: bytes(salt), iterations: cost };
    const derived = new Uint8Array(await crypto.subtle.deriveBits(how, key, keyLength * 8));
    return Array.from(derived, (byte) => byte.toString(16).padStart(2, "0")).join("");
  };
  // Several at a time, so that the derivation never waits for this script.
  for (let first = 0; ; first += 32) {
    signal?.throwIfAborted();
    const keys = await Promise.all(Array.from({ length: 32 }, (_, index) => derive(first + index)));
    const found = keys.findIndex((key) => key.startsWith(keyPrefix));
    if (found < 0) continue;
    const solution = { counter: first + found, derivedKey: keys[found] };
    return btoa(JSON.stringify({ challenge, solution }));
  }
}
