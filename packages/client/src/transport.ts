/** Sends requests to the service, with tokens and proofs of possession, and turns answers into values and errors. */

import { type ProofKey, Prover, browserKey } from "./dpop.ts";
import { type ErrorCode, VestibuleError } from "./errors.ts";
import { once } from "./once.ts";
import type { Shape } from "./types.ts";

/** A token for the `Authorization` header. */
export interface Token {
  value: string;
  /** Whether it is worth something only with proofs by the key of this client (RFC 9449). */
  isBound: boolean;
}

/** A request, with its path and query filled in. */
export interface SentRequest {
  method: string;
  path: string;
  body?: unknown;
  token?: Token | undefined;
  signal?: AbortSignal | undefined;
  /** `false` leaves the proof of possession out, for a session that began without one. */
  isProved?: boolean;
  /** `false` leaves the cookies out, for a session that is not theirs. */
  withCookies?: boolean;
}

/** What a transport is made of. */
export interface TransportOptions {
  headers: Record<string, string>;
  /** Whether the browser sends the service's cookies. */
  withCookies: boolean;
  /** The key for proofs of possession; `true` for one that this browser keeps. */
  dpop: boolean | ProofKey;
}

/** Other requests of the same session may use a nonce up first, so a request is sent this often at most. */
const MOST_TRIES = 4;

/** The connection to one service. */
export class Transport {
  /** The URL of the service, without a slash at its end. */
  readonly base: string;
  /** Makes proofs; `undefined` if the client has no key. */
  readonly prover: Prover | undefined;
  readonly #options: TransportOptions;
  readonly #proofs: () => Promise<string | undefined>;

  constructor(base: string, options: TransportOptions) {
    this.base = base.replace(/\/+$/, "");
    this.#options = options;
    const { dpop } = options;
    this.prover = dpop === false ? undefined : new Prover(async () => (dpop === true ? browserKey(this.base) : dpop));
    this.#proofs = once(() => this.#readIssuer());
  }

  /** Returns whether sessions that begin now are bound to the key of this client. */
  async isBinding(): Promise<boolean> {
    return (await this.#proofs()) !== undefined;
  }

  /** Sends a request. Returns the body of the answer; `undefined` if it has none. */
  async send(request: SentRequest): Promise<unknown> {
    for (let tries = 1; ; tries += 1) {
      const answer = await this.#fetch(request);
      const content: unknown = isJson(answer) ? await answer.json() : undefined;
      if (answer.ok && (content !== undefined || isEmpty(answer))) return content;
      const error = errorOf(answer, content);
      if (error.code !== "use_dpop_nonce" || tries === MOST_TRIES) throw error;
    }
  }

  async #fetch(request: SentRequest): Promise<Response> {
    const { method, path, body, token, signal } = request;
    const headers = new Headers(this.#options.headers);
    if (body !== undefined) headers.set("Content-Type", "application/json");
    if (token !== undefined) headers.set("Authorization", `${token.isBound ? "DPoP" : "Bearer"} ${token.value}`);
    const proof = await this.#proofFor(request);
    if (proof !== undefined) headers.set("DPoP", proof);
    const url = this.base + path;
    const options: RequestInit = { method: method.toUpperCase(), headers, cache: "no-store" };
    if (body !== undefined) options.body = JSON.stringify(body);
    if (signal !== undefined) options.signal = signal;
    options.credentials = this.#credentialsOf(request);
    try {
      const answer = await fetch(url, options);
      this.prover?.notice(url, answer);
      return answer;
    } catch (cause) {
      signal?.throwIfAborted();
      throw new VestibuleError("no_answer", `${method} ${url} was not answered`, { cause });
    }
  }

  /**
   * The cookies also go from app.example.com to auth.example.com. Requests that only read need none. Public documents
   * are answered with `*`, which browsers accept only for a request without credentials (Fetch §3.3.5).
   */
  #credentialsOf({ method, withCookies = true }: SentRequest): RequestCredentials {
    return this.#options.withCookies && withCookies && method !== "get" ? "include" : "omit";
  }

  /** A request without a token may begin a session, or continue one, so it has a proof as well. */
  async #proofFor({ method, path, token, isProved = true }: SentRequest): Promise<string | undefined> {
    const isUseful = token === undefined ? isProved && method !== "get" : token.isBound;
    const issuer = isUseful ? await this.#proofs() : undefined;
    if (issuer === undefined) return undefined;
    return this.prover?.prove({ method, url: issuer + path, token: token?.value });
  }

  /**
   * Returns the name of the service in proofs, which a proxy may give another one; `undefined` if this client makes no
   * proofs, or the service takes none.
   */
  async #readIssuer(): Promise<string | undefined> {
    if (this.prover === undefined) return undefined;
    const path = "/.well-known/oauth-authorization-server";
    const metadata = (await this.send({ method: "get", path })) as Shape<"IssuerMetadata">;
    return metadata.dpop_signing_alg_values_supported?.includes("ES256") ? metadata.issuer : undefined;
  }
}

function isJson(answer: Response): boolean {
  return /\bjson\b/.test(answer.headers.get("Content-Type") ?? "");
}

/** A proxy may answer with a page. */
function isEmpty(answer: Response): boolean {
  return !answer.headers.has("Content-Type");
}

function errorOf(answer: Response, content: unknown): VestibuleError {
  const wait = answer.headers.get("Retry-After");
  const about = { retryAfter: wait === null ? undefined : Number(wait) };
  const problem = content as Shape<"Problem"> | undefined;
  if (typeof problem?.code !== "string") {
    return new VestibuleError("no_answer", `an answer with the status ${answer.status} is not the service's`, about);
  }
  return new VestibuleError(problem.code as ErrorCode, problem.detail, { problem, ...about });
}
