// The keys of the service: found by its metadata, cached, and used for a while if the service does not answer.

import { createLocalJWKSet, errors } from 'jose';
import type { CryptoKey, FlattenedJWSInput, JSONWebKeySet, JWSHeaderParameters } from 'jose';

import { read, withCauses } from './http.ts';
import { SharedWork } from './shared-work.ts';

/** The `max-age` of the key set. A key is in it for longer before it signs. */
const FRESH = 300_000;
/** The shortest time between two requests: an attacker can invent a `kid` for every token. */
const PAUSE = 5_000;
/** How long keys count without an answer: no token of them is valid for longer (`VESTIBULE_ACCESS_TOKEN_TTL`). */
const USED_FOR = 3_600_000;
const TIMEOUT = 2_000;
const LONGEST = 256 * 1024;

/** The keys cannot be had, so nothing can be said about a token. */
export class NoKeys extends Error {}

/** What the metadata says. */
interface Metadata {
  issuer: string;
  jwks_uri: string;
  ended_sessions_endpoint?: string;
}

/** The keys that tokens are verified with. */
export class Keys {
  readonly #issuer: string;
  readonly #onFault: (fault: Error) => void;
  #metadata: Metadata | undefined;
  #set: ReturnType<typeof createLocalJWKSet> | undefined;
  #gotAt = -Infinity;
  #askedAt = -Infinity;
  #hasFailed = false;
  /** Metadata and keys. */
  readonly #reading = new SharedWork(2 * TIMEOUT + 500);

  constructor(issuer: string, onFault: (fault: Error) => void) {
    this.#issuer = issuer;
    this.#onFault = onFault;
  }

  /** Returns the key that signed a token by its header. For `jwtVerify`. */
  find = async (header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> => {
    // Without an id, a token would fit several keys. Those of the service have one.
    if (typeof header.kid !== 'string') throw new errors.JWKSNoMatchingKey();
    if (performance.now() - this.#gotAt >= FRESH) await this.#refresh();
    try {
      return await this.#cached()(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    }
    await this.#refresh();
    if (this.#hasFailed) throw new NoKeys('the key of the token is unknown, and the keys could not be read');
    return this.#cached()(header, token);
  };

  /** Returns the URL of the list of ended sessions. */
  async endedSessionsUrl(): Promise<string> {
    if (!this.#metadata) await this.#refresh();
    if (!this.#metadata) throw new NoKeys('the metadata could not be read');
    const url = this.#metadata.ended_sessions_endpoint;
    if (url === undefined) throw new Error('the service has no list of ended sessions');
    return url;
  }

  /** Reads the keys, and throws what prevents it. */
  async load(): Promise<void> {
    await this.#fetch();
  }

  #cached() {
    if (!this.#set || performance.now() - this.#gotAt >= USED_FOR) throw new NoKeys('the keys could not be read');
    return this.#set;
  }

  /** Asks the service, unless it was asked just now. All requests that need the keys wait for the same answer. */
  async #refresh(): Promise<void> {
    const now = performance.now();
    if (!this.#reading.isUnderWay && now - this.#askedAt >= PAUSE) {
      this.#askedAt = now;
      this.#reading.begin(() => this.#fetch().catch((thrown: unknown) => this.#failed(thrown)));
    }
    await this.#reading.wait();
  }

  #failed(thrown: unknown): void {
    this.#hasFailed = true;
    // The keys may have moved.
    this.#metadata = undefined;
    this.#onFault(new Error(`the keys could not be read: ${withCauses(thrown).message}`, { cause: thrown }));
  }

  async #fetch(): Promise<void> {
    const askedAt = performance.now();
    this.#metadata ??= await this.#readMetadata();
    const set = JSON.parse(await read(this.#metadata.jwks_uri, TIMEOUT, LONGEST)) as JSONWebKeySet;
    // The service never publishes an empty set.
    if (!Array.isArray(set?.keys) || set.keys.length === 0) throw new Error('the key set has no keys');
    this.#set = createLocalJWKSet(set);
    this.#gotAt = askedAt;
    this.#hasFailed = false;
  }

  async #readMetadata(): Promise<Metadata> {
    const url = `${this.#issuer}/.well-known/openid-configuration`;
    const found = JSON.parse(await read(url, TIMEOUT, LONGEST)) as Metadata;
    if (found?.issuer !== this.#issuer) {
      throw new Error(`the service says that its issuer is ${found?.issuer}, and you configured ${this.#issuer}`);
    }
    if (typeof found.jwks_uri !== 'string') throw new Error(`${url} has no jwks_uri`);
    return found;
  }
}
