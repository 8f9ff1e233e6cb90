/** What everything else of the client is made of: typed requests, with and without the session of the user. */

import type { paths } from "./api.ts";
import type { ProofKey } from "./dpop.ts";
import { isVestibuleError, userChanged } from "./errors.ts";
import { SessionKeeper } from "./session.ts";
import { type Demand, type Prove, openStepUp } from "./step-up.ts";
import { type SecureStorage, type Storage, memoryStorage } from "./storage.ts";
import { type SentRequest, type Token, Transport } from "./transport.ts";
import type { Answer, Details, Method, PathOf, Rest, Shape } from "./types.ts";

/** How a client is set up. */
export interface Options {
  /** Where the refresh token is: `"cookie"` (the default), `"memory"`, or a keystore of your own. */
  storage?: Storage;
  /** Asks the user for a proof before a sensitive change. Also settable later, as `vestibule.prove`. */
  prove?: Prove;
  /**
   * The origins that `vestibule.fetch` may send the access token to, such as `https://api.example.com`. The origin of
   * the page is one of them without being named.
   */
  backEnds?: readonly string[];
  /**
   * Binds tokens to a key, so that a copied token is worth nothing (DPoP, RFC 9449). `true` makes a key that this
   * browser keeps; an app passes one of its own, in the secure hardware of the phone.
   */
  dpop?: boolean | ProofKey;
  /** Headers of every request, such as the address of the user if a server calls for them. */
  headers?: Record<string, string>;
}

/** A request as the user may need three repairs: an access token, and one or two proofs. */
const MOST_REPAIRS = 3;

/** The requests of a client, and its session. */
export class Core {
  readonly transport: Transport;
  readonly keeper: SessionKeeper;
  /** Where the tokens are that a browser would have in cookies; `undefined` if it has them there. */
  readonly storage: SecureStorage | undefined;
  /** Asks the user for a proof; without it, such requests fail with `insufficient_user_authentication`. */
  prove: Prove | undefined;
  #proving: Promise<void> | undefined;

  constructor(base: string, { storage = "cookie", prove, dpop = false, headers = {} }: Options) {
    this.storage = storage === "cookie" ? undefined : storage === "memory" ? memoryStorage() : storage;
    this.transport = new Transport(base, { headers, dpop, withCookies: this.storage === undefined });
    this.keeper = new SessionKeeper(this.transport, this.storage);
    this.prove = prove;
  }

  /** What a request that begins a session says about its refresh token. */
  get delivery(): Shape<"RefreshTokenDelivery"> {
    return this.storage === undefined ? "cookie" : "body";
  }

  /** Sends a request without a token. */
  async call<M extends Method, Path extends PathOf<M>>(
    method: M,
    path: Path,
    ...[details]: Rest<Details<Path, M>>
  ): Promise<Answer<Path, M>> {
    return (await this.transport.send(fill(method, path, details))) as Answer<Path, M>;
  }

  /** Sends a request with the token of a login that is not complete. */
  async pending<M extends Method, Path extends PathOf<M>>(
    preAuthToken: string,
    method: M,
    path: Path,
    ...[details]: Rest<Details<Path, M>>
  ): Promise<Answer<Path, M>> {
    const token = { value: preAuthToken, isBound: await this.transport.isBinding() };
    return (await this.transport.send({ ...fill(method, path, details), token })) as Answer<Path, M>;
  }

  /** Sends a request as the signed-in user. Gets a new access token, or a proof of the user, if the service asks. */
  async authorized<M extends Method, Path extends PathOf<M>>(
    method: M,
    path: Path,
    ...[details]: Rest<Details<Path, M>>
  ): Promise<Answer<Path, M>> {
    const request = fill(method, path, details);
    return (await this.withToken((token) => this.transport.send({ ...request, token }), repairOf)) as Answer<Path, M>;
  }

  /**
   * Runs work with the access token, and again after an error that can be repaired.
   * @param repairOf says what repairs an error
   */
  async withToken<T>(work: (token: Token) => Promise<T>, repairOf: (error: unknown) => Repair): Promise<T> {
    let { userId } = this.keeper;
    for (let repairs = 0; ; repairs += 1) {
      const token = await this.keeper.token();
      userId ??= this.keeper.userId;
      if (this.keeper.userId !== userId) throw userChanged();
      try {
        return await work(token);
      } catch (error) {
        const repair = repairOf(error);
        const canAsk = this.prove !== undefined;
        if (repairs === MOST_REPAIRS || repair === undefined || !(repair === "new token" || canAsk)) throw error;
        await (repair === "new token" ? this.keeper.refresh(token) : this.#askForProof(repair));
      }
    }
  }

  /** Asks the user for a proof, once for all requests that need one at the same moment. */
  #askForProof(demand: Demand): Promise<void> {
    this.#proving ??= openStepUp(this, demand)
      .then((stepUp) => this.prove?.(stepUp))
      .finally(() => (this.#proving = undefined));
    return this.#proving;
  }
}

/** What makes a request possible that was refused: another access token, a proof of the user, or nothing. */
export type Repair = "new token" | Demand | undefined;

/** Says what repairs an error of the service. */
export function repairOf(error: unknown): Repair {
  if (isVestibuleError(error, "invalid_token", "two_sessions")) return "new token";
  return isVestibuleError(error, "insufficient_user_authentication") ? error.problem : undefined;
}

/**
 * Puts the values of a request into its path.
 * @throws TypeError if a value would make it another path: browsers remove `.` and `..`, also when they are encoded
 */
function fill(
  method: Method,
  path: keyof paths,
  details: { body?: unknown; path?: unknown; query?: unknown; signal?: AbortSignal | undefined } | undefined,
): SentRequest {
  const values = (details?.path ?? {}) as Record<string, string>;
  const filled = path.replace(/\{(\w+)\}/g, (place, name: string) => {
    const value = values[name] ?? place;
    if (["", ".", ".."].includes(value)) throw new TypeError(`"${value}" cannot be the ${name} in ${path}`);
    return encodeURIComponent(value);
  });
  const search: string[] = [];
  for (const [name, value] of Object.entries(details?.query ?? {})) {
    if (value !== undefined && value !== null) search.push(`${name}=${encodeURIComponent(String(value))}`);
  }
  const query = search.length > 0 ? `?${search.join("&")}` : "";
  return { method, path: filled + query, body: details?.body, signal: details?.signal };
}
