// The list of sessions that ended (`GET /token/ended`), so that a logout counts within five seconds. It is read only
// while requests come, at most once a second.

import { jwtVerify } from 'jose';

import { read, withCauses } from './http.ts';
import type { Keys } from './keys.ts';
import type { Settings } from './options.ts';
import { Refusal } from './refusal.ts';
import { SharedWork } from './shared-work.ts';

/** The shortest time between two readings, in milliseconds. */
const PAUSE = 1_000;
/**
 * A list of this age counts while the next one is on its way. The service and a cache may add a second each, so that a
 * logout counts after four.
 */
const FRESH = 2_000;
const TIMEOUT = 1_000;
/** A reading may have many pages. */
const LOST = 10_000;
/** 5,000 ids in a JWT are 260 kB. */
const LONGEST = 1024 * 1024;
/** Seconds; an older answer is from a cache that keeps it for too long. */
const OLDEST = 10;
/** How often ids are forgotten that no valid token has, in milliseconds. */
const FORGET = 60_000;

/** A signed answer of the service. */
interface List {
  exp: number;
  ended: string[];
  cursor: string;
  more: boolean;
  /** The cursor that it answers; absent in the answers of older services. */
  after?: string | null;
}

/** The ended sessions of the last minutes. */
export class EndedSessions {
  readonly #keys: Keys;
  readonly #settings: Settings;
  readonly #staleAfter: number;
  /** By id: until when tokens of the session may seem valid, in seconds since 1970. */
  readonly #ended = new Map<string, number>();
  #cursor = '';
  /** When the newest list was asked for: what ended later may be missing. */
  #readAt = -Infinity;
  #startedAt = -Infinity;
  #forgotAt = -Infinity;
  #hasFailed = false;
  readonly #reading = new SharedWork(LOST);

  constructor(keys: Keys, settings: Settings, staleAfter: number) {
    this.#keys = keys;
    this.#settings = settings;
    this.#staleAfter = staleAfter * 1000;
  }

  /** Returns whether a session has ended. Throws a `Refusal` without a list that is new enough. */
  async has(sid: string): Promise<boolean> {
    const isReader = this.#begin();
    // While the service does not answer, the other requests do not wait for it until they have to.
    if (isReader || this.#age() > (this.#hasFailed ? this.#staleAfter : FRESH)) await this.#reading.wait();
    if (this.#age() > this.#staleAfter) {
      throw new Refusal('service_unavailable', 'the list of ended sessions could not be read');
    }
    return this.#ended.has(sid);
  }

  #age(): number {
    return this.#readAt === -Infinity ? Infinity : performance.now() - this.#readAt;
  }

  /** Begins to read the list, if it is time. Returns whether it did. */
  #begin(): boolean {
    const now = performance.now();
    if (this.#reading.isUnderWay || now - this.#startedAt < PAUSE) return false;
    this.#startedAt = now;
    this.#reading.begin(async () => {
      try {
        await this.#read(now);
        this.#hasFailed = false;
      } catch (thrown) {
        this.#hasFailed = true;
        // The pause begins now, or each request after the other would wait for a service that does not answer.
        this.#startedAt = performance.now();
        const { message } = withCauses(thrown);
        this.#settings.onFault(new Error(`the list of ended sessions: ${message}`, { cause: thrown }));
      }
    });
    return true;
  }

  /** Reads the list to its end. */
  async #read(now: number): Promise<void> {
    const url = await this.#keys.endedSessionsUrl();
    for (let more = true; more;) {
      const asked = this.#cursor;
      const list = await this.#readPage(url, asked);
      for (const sid of list.ended) this.#ended.set(sid, list.exp);
      if (list.more && list.cursor === asked) throw new Error('the list does not go on');
      this.#cursor = list.cursor;
      more = list.more;
    }
    this.#readAt = now;
    if (now - this.#forgotAt >= FORGET) this.#forget(now);
  }

  async #readPage(url: string, cursor: string): Promise<List> {
    const text = await read(`${url}?after=${encodeURIComponent(cursor)}`, TIMEOUT, LONGEST);
    const { issuer, algorithms, leeway } = this.#settings;
    const { payload } = await jwtVerify(text, this.#keys.find, {
      typ: 'ended+jwt',
      issuer,
      algorithms,
      clockTolerance: leeway,
      maxTokenAge: OLDEST,
      requiredClaims: ['iat', 'exp', 'ended', 'cursor', 'more'],
    });
    const list = payload as unknown as List;
    // An answer to another cursor would leave a gap.
    if (list.after !== undefined && (list.after ?? '') !== cursor) throw new Error('it answers another cursor');
    return list;
  }

  #forget(now: number): void {
    this.#forgotAt = now;
    const seconds = Date.now() / 1000 - this.#settings.leeway;
    for (const [sid, until] of this.#ended) if (until < seconds) this.#ended.delete(sid);
  }
}
