// Proofs of possession (RFC 9449 §4.3, §7.1): the client has the key that its token is bound to, and made the proof
// for this request.

import { EmbeddedJWK, base64url, calculateJwkThumbprint, jwtVerify } from 'jose';
import type { JWK, JWTPayload } from 'jose';

import type { DpopOptions } from './options.ts';
import { Refusal } from './refusal.ts';
import { LONGEST_USE, LocalReplayMemory } from './replays.ts';
import type { ReplayMemory } from './replays.ts';

/** Those that the service accepts as well. `Ed25519` is the newer name of what `EdDSA` means here (RFC 9864 §2.2). */
export const PROOF_ALGORITHMS: readonly string[] = ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'];

/** Seconds between the clock of the client and ours, at most. */
const WINDOW = LONGEST_USE / 2;
const LONGEST_PROOF = 4096;
const LONGEST_URL = 2048;

/** A request with a token that is bound to a key. */
export interface ProvedRequest {
  method: string;
  /** The path with the query, or a URL, whose host does not count. */
  url: string;
  token: string;
  /** The `DPoP` header. */
  proof: string | undefined;
  /** The thumbprint of the key that the token is bound to. */
  jkt: string;
  /** An object that only this request has. */
  headers: object;
}

/** Checks proofs. */
export class Proofs {
  readonly #baseUrl: string;
  readonly #replays: ReplayMemory;
  /** The proofs that counted, by request: middleware of a router and of its route may both look at one request. */
  readonly #counted = new WeakMap<object, string>();

  constructor({ baseUrl, replays }: DpopOptions) {
    this.#baseUrl = baseUrl;
    this.#replays = replays ?? new LocalReplayMemory();
  }

  /** Throws a `Refusal` if the proof is not a new one for this request. */
  async check({ method, url, token, proof, jkt, headers }: ProvedRequest): Promise<void> {
    if (proof === undefined) throw invalid('there is no proof');
    if (proof.length > LONGEST_PROOF) throw invalid('the proof is too long');
    const { payload, jwk } = await verified(proof);
    const { htm, htu, iat, jti, ath } = payload;
    if (typeof jti !== 'string' || jti === '') throw invalid('the proof has no jti');
    if (htm !== method) throw invalid('the proof is for another method');
    const wanted = normalised(this.#baseUrl + pathOf(url));
    if (wanted === undefined || normalised(htu) !== wanted)
      throw invalid(`the proof is for another URL than ${wanted}`);
    if (typeof iat !== 'number' || !(Math.abs(Date.now() / 1000 - iat) <= WINDOW)) {
      throw invalid('the iat of the proof is more than a minute from now');
    }
    if (ath !== (await hashOf(token))) throw invalid('the proof is for another token');
    if ((await calculateJwkThumbprint(jwk, 'sha256')) !== jkt) throw invalid('the proof is by another key');
    // Last: only a proof that would count is remembered.
    if (this.#counted.get(headers) === proof) return;
    if (!(await this.#isNew(await hashOf(`${jkt} ${jti}`), iat + WINDOW))) throw invalid('the proof was used before');
    this.#counted.set(headers, proof);
  }

  async #isNew(id: string, until: number): Promise<boolean> {
    try {
      return await this.#replays.add(id, until);
    } catch (cause) {
      throw new Refusal(
        'service_unavailable',
        `the memory of proofs: ${cause instanceof Error ? cause.message : cause}`,
      );
    }
  }
}

const invalid = (reason: string) => new Refusal('invalid_dpop_proof', reason);

/** Verifies the signature of a proof with the key in its header. */
async function verified(proof: string): Promise<{ payload: JWTPayload; jwk: JWK }> {
  try {
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
      typ: 'dpop+jwt',
      algorithms: [...PROOF_ALGORITHMS],
      clockTolerance: WINDOW,
    });
    return { payload, jwk: protectedHeader.jwk as JWK };
  } catch (error) {
    throw invalid(`the proof: ${(error as Error).message}`);
  }
}

/** Returns the SHA-256 of a text, in base64url. */
async function hashOf(text: string): Promise<string> {
  return base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))));
}

/** Returns the path of what a request names beside its method: a path, or a URL. */
function pathOf(url: string): string {
  return url.startsWith('/') || !URL.canParse(url) ? url : new URL(url).pathname;
}

/** Returns a URL without query and fragment, in the one spelling that RFC 3986 §6.2.2 and §6.2.3 give it. */
function normalised(text: unknown): string | undefined {
  // The parser below also takes what RFC 3986 §2 does not allow in a URL, such as a backslash for a slash.
  if (typeof text !== 'string' || text.length > LONGEST_URL || !/^https?:\/\/[!#-;=?-[\]_a-z~]+$/i.test(text)) return;
  if (!URL.canParse(text)) return;
  const url = new URL(text);
  if (url.username || url.password) return;
  const path = url.pathname.replace(/%[0-9a-f]{2}/gi, (escape) => {
    const letter = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return /[\w.~-]/.test(letter) ? letter : escape.toUpperCase();
  });
  return url.origin + path;
}
