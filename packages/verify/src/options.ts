// What a verifier is made with. It is checked at once, so that a mistake stops the start and not a user.

import type { Refusal } from './refusal.ts';
import type { ReplayMemory } from './replays.ts';

/** An algorithm that the service can sign access tokens with (`VESTIBULE_SIGNING_ALG`). */
export type Algorithm = 'ES256' | 'EdDSA' | 'RS256';

/** What a verifier is made with. Only the issuer is needed. */
export interface Options {
  /**
   * The public URL of the service, spelled as `issuer` in `/.well-known/openid-configuration`. A variable of the
   * environment that is not set throws.
   */
  issuer: string | undefined;
  /** Whom tokens have to be for: `VESTIBULE_AUDIENCE`, or a resource of applications. By default the issuer. */
  audience?: string | undefined;
  /** The algorithms that the deployment signs with; both while it changes from one to the other. `['ES256']`. */
  algorithms?: readonly Algorithm[];
  /** Seconds by which the clocks may differ, 30 at most. 5. */
  leeway?: number;
  /**
   * Whether to read the list of ended sessions, so that a logout counts within five seconds (true). `staleAfter`: after
   * so many seconds without the list, requests are answered 503 (15); with `Infinity` they never are.
   */
  endedSessions?: boolean | { staleAfter: number };
  /** Whether to accept tokens that are bound to a key (RFC 9449). Without it they are refused. */
  dpop?: DpopOptions;
  /** Gets every refusal, with its reason. For logs: clients are not told the reason. */
  onRefusal?: (refusal: Refusal) => void;
  /** Gets what went wrong with the service: no keys, no list. Written to the console by default. */
  onFault?: (fault: Error) => void;
}

/** How to accept tokens that are bound to a key. */
export interface DpopOptions {
  /**
   * The URL that clients know this back end by, such as `https://api.example.com`, with the path that a proxy in front
   * removes. The `Host` header does not count: the client chooses it.
   */
  baseUrl: string;
  /** Remembers proofs, so that none counts twice. By default in the memory of this process. */
  replays?: ReplayMemory;
}

/** Options after their check. */
export interface Settings {
  issuer: string;
  audience: string;
  algorithms: string[];
  leeway: number;
  /** In seconds; absent if the list is not read. */
  staleAfter: number | undefined;
  dpop: DpopOptions | undefined;
  onRefusal: (refusal: Refusal) => void;
  onFault: (fault: Error) => void;
}

const KNOWN = ['issuer', 'audience', 'algorithms', 'leeway', 'endedSessions', 'dpop', 'onRefusal', 'onFault'];
const ALGORITHMS: readonly string[] = ['ES256', 'EdDSA', 'RS256'];
/** Of the text: `URL` removes line breaks and blanks around it. */
const ORIGIN_AND_PATH = /^[a-z]+:\/\/[^\0-\x20\x7f/?#@\\]+(\/[^\0-\x20\x7f?#\\]*)?$/i;
const LONGEST_LEEWAY = 30;
const STALE_AFTER = 15;

/** Checks options. Throws a `TypeError` that says what to change. */
export function settingsOf(options: Options): Settings {
  onlyKnown(options, KNOWN, 'option');
  const issuer = baseUrl(options.issuer, 'issuer');
  const { audience = issuer, algorithms = ['ES256'], leeway = 5, endedSessions = true } = options;
  if (typeof audience !== 'string' || audience === '') throw new TypeError('audience must be a text');
  if (algorithms.length === 0 || !algorithms.every((algorithm) => ALGORITHMS.includes(algorithm))) {
    throw new TypeError(`algorithms must be a list of ${ALGORITHMS.join(', ')}`);
  }
  if (!(leeway >= 0 && leeway <= LONGEST_LEEWAY)) throw new TypeError('leeway must be 0 to 30 seconds');
  return {
    issuer,
    audience,
    algorithms: [...algorithms],
    leeway,
    staleAfter: staleAfterOf(endedSessions),
    dpop: options.dpop && dpopOf(options.dpop),
    onRefusal: options.onRefusal ?? (() => {}),
    onFault: options.onFault ?? ((fault) => console.error(`vestibule: ${fault.message}`)),
  };
}

function staleAfterOf(endedSessions: boolean | { staleAfter: number }): number | undefined {
  if (typeof endedSessions === 'boolean') return endedSessions ? STALE_AFTER : undefined;
  onlyKnown(endedSessions, ['staleAfter'], 'member of endedSessions');
  const { staleAfter } = endedSessions;
  // A healthy list is up to two seconds old; see `ended.ts`.
  if (!(staleAfter >= 3)) throw new TypeError('endedSessions.staleAfter must be 3 seconds or more');
  return staleAfter;
}

function dpopOf(options: DpopOptions): DpopOptions {
  onlyKnown(options, ['baseUrl', 'replays'], 'member of dpop');
  return { ...options, baseUrl: baseUrl(options.baseUrl, 'dpop.baseUrl') };
}

/** Refuses names that mean nothing: a misspelled one would be overlooked. */
export function onlyKnown(given: object, known: readonly string[], what: string): void {
  if (typeof given !== 'object' || given === null) throw new TypeError(`a ${what} must be in an object`);
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) throw new TypeError(`unknown ${what}: ${name}`);
  }
}

/** Checks a URL without a slash at its end: `https`, or `http` on this machine. */
function baseUrl(text: string | undefined, name: string): string {
  if (typeof text !== 'string' || !URL.canParse(text)) {
    throw new TypeError(`${name} must be a URL, such as https://auth.example.com`);
  }
  const url = new URL(text);
  if (text.endsWith('/')) throw new TypeError(`${name} must not end with a slash`);
  if (!ORIGIN_AND_PATH.test(text)) throw new TypeError(`${name} must have an origin and a path only`);
  const isLoopback = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback)) {
    throw new TypeError(`${name} must be https, unless the host is this machine`);
  }
  return text;
}
