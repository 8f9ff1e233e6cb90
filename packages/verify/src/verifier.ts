// Verifies the access tokens of requests: their signature, whom they are for, when they are valid, and what the route
// demands.

import { jwtVerify } from 'jose';

import { callerOf } from './claims.ts';
import type { AccessTokenClaims, Caller } from './claims.ts';
import { checkOf } from './demand.ts';
import type { Demand } from './demand.ts';
import { PROOF_ALGORITHMS, Proofs } from './dpop.ts';
import { EndedSessions } from './ended.ts';
import { Keys, NoKeys } from './keys.ts';
import { settingsOf } from './options.ts';
import type { Options, Settings } from './options.ts';
import { Refusal, challenge } from './refusal.ts';

/** A request, as far as it counts here. A `Request` is one, and so is a request of Node. */
export interface RequestHead {
  method: string;
  /** The path with the query, or a URL. Only for tokens that are bound to a key. */
  url: string;
  headers: FetchHeaders | Record<string, string | string[] | undefined>;
}

interface FetchHeaders {
  get(name: string): string | null;
}

/** Verifies access tokens. Make one when the program starts: it caches the keys. */
export interface Verifier<App = Record<string, unknown>> {
  /** Returns the caller of a request, or throws a `Refusal`. */
  check(request: RequestHead, demand?: Demand): Promise<Caller<App>>;
  /** Returns the same as a function for one route. Throws a `TypeError` if the demand is not one. */
  demand(demand?: Demand): (request: RequestHead) => Promise<Caller<App>>;
  /** Reads the keys, and throws if that is not possible: to see a wrong setting at the start. */
  ready(): Promise<void>;
}

/** No token of the service is longer. */
const LONGEST_TOKEN = 16_000;

/** Makes a verifier. `App`: the type of the claims that your back ends keep about users. */
export function createVerifier<App = Record<string, unknown>>(options: Options): Verifier<App> {
  return new TokenVerifier<App>(settingsOf(options));
}

class TokenVerifier<App> implements Verifier<App> {
  readonly #settings: Settings;
  readonly #keys: Keys;
  readonly #ended: EndedSessions | undefined;
  readonly #proofs: Proofs | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#keys = new Keys(settings.issuer, settings.onFault);
    const { staleAfter, dpop } = settings;
    this.#ended = staleAfter === undefined ? undefined : new EndedSessions(this.#keys, settings, staleAfter);
    this.#proofs = dpop && new Proofs(dpop);
  }

  async ready(): Promise<void> {
    await this.#keys.load();
  }

  async check(request: RequestHead, demand: Demand = {}): Promise<Caller<App>> {
    return this.demand(demand)(request);
  }

  demand(demand: Demand = {}): (request: RequestHead) => Promise<Caller<App>> {
    const meets = checkOf(demand);
    return async (request) => {
      const { used, token } = this.#credentials(request);
      try {
        const caller = await this.#callerOf(request, used, token);
        meets(caller as Caller<unknown>);
        return caller;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        challenge(error, { used, algorithms: this.#proofs && PROOF_ALGORITHMS });
        this.#settings.onRefusal(error);
        throw error;
      }
    };
  }

  /** Returns the scheme and the token, if the scheme is one that is accepted. */
  #credentials(request: RequestHead): { used: 'Bearer' | 'DPoP' | undefined; token: string } {
    const [scheme = '', ...token] = (headerOf(request, 'authorization') ?? '').split(' ');
    const name = scheme.toLowerCase();
    const used = name === 'bearer' ? 'Bearer' : name === 'dpop' && this.#proofs ? 'DPoP' : undefined;
    return { used, token: token.join(' ').trim() };
  }

  async #callerOf(request: RequestHead, used: string | undefined, token: string): Promise<Caller<App>> {
    if (used === undefined) throw new Refusal('invalid_token', 'the request has no access token');
    const claims = await this.#verify(token);
    await this.#checkBinding(request, used, token, claims);
    const caller = read(claims);
    if (caller.sid !== undefined && (await this.#ended?.has(caller.sid))) {
      throw new Refusal('invalid_token', 'the session has ended');
    }
    return caller;
  }

  async #verify(token: string): Promise<AccessTokenClaims<App>> {
    if (token.length > LONGEST_TOKEN) throw new Refusal('invalid_token', 'the token is too long');
    const { algorithms, issuer, audience, leeway } = this.#settings;
    try {
      const { payload } = await jwtVerify(token, this.#keys.find, {
        // Never the token's own "alg": that is the attacker's choice.
        algorithms,
        issuer,
        audience,
        // An ID token or a list of ended sessions must not pass for an access token (RFC 9068 §4).
        typ: 'at+jwt',
        clockTolerance: leeway,
        requiredClaims: ['exp', 'nbf', 'iat', 'sub', 'client_id'],
      });
      return payload as unknown as AccessTokenClaims<App>;
    } catch (error) {
      const code = error instanceof NoKeys ? 'service_unavailable' : 'invalid_token';
      throw new Refusal(code, (error as Error).message);
    }
  }

  /** A bound token counts with a proof by its key only, and any other one without a proof (RFC 9449 §7.1). */
  async #checkBinding(request: RequestHead, used: string, token: string, { cnf }: AccessTokenClaims<App>) {
    if (used === 'Bearer') {
      if (cnf !== undefined) throw new Refusal('invalid_token', 'the token is bound to a key (DPoP)');
      return;
    }
    const jkt = cnf?.jkt;
    if (typeof jkt !== 'string') throw new Refusal('invalid_token', 'the token is not bound to a key');
    const { method, url, headers } = request;
    await this.#proofs?.check({ method, url, token, jkt, headers, proof: headerOf(request, 'dpop') });
  }
}

function read<App>(claims: AccessTokenClaims<App>): Caller<App> {
  try {
    return callerOf(claims);
  } catch (error) {
    throw new Refusal('invalid_token', (error as Error).message);
  }
}

function headerOf({ headers }: RequestHead, name: string): string | undefined {
  if (isFetchHeaders(headers)) return headers.get(name) ?? undefined;
  const value = headers[name];
  // Several proofs in one request are none.
  return Array.isArray(value) ? value.join(', ') : value;
}

function isFetchHeaders(headers: RequestHead['headers']): headers is FetchHeaders {
  return typeof headers.get === 'function';
}
