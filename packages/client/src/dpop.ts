/** Proofs of possession (DPoP, RFC 9449): tokens that are worth nothing without the key of this client. */

import { once } from "./once.ts";

/** A P-256 key pair whose private half stays where it is: in the browser, or in the secure hardware of a phone. */
export interface ProofKey {
  /** The public key. Only `kty`, `crv`, `x` and `y` are used. */
  readonly jwk: JsonWebKey;
  /** Signs with ES256: the 64 bytes of r and s (RFC 7518 §3.4). */
  sign(data: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const STORE = "keys";

/**
 * Returns the key of this browser for a service. The first page that asks makes it. Scripts can use it, but not copy
 * it: IndexedDB stores a `CryptoKey` that cannot be exported as it is.
 */
export async function browserKey(service: string): Promise<ProofKey> {
  const opening = indexedDB.open("vestibule", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await done(opening);
  try {
    const read = () => done<CryptoKeyPair | undefined>(database.transaction(STORE).objectStore(STORE).get(service));
    let pair = await read();
    if (pair === undefined) {
      const made = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
      // Fails if another tab was faster. Then its pair counts.
      await done(database.transaction(STORE, "readwrite").objectStore(STORE).add(made, service)).catch(() => undefined);
      pair = (await read()) ?? made;
    }
    return await keyOf(pair);
  } finally {
    database.close();
  }
}

/** Makes a key that lives as long as the caller holds it. */
export async function temporaryKey(): Promise<ProofKey> {
  return keyOf(await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]));
}

async function keyOf({ publicKey, privateKey }: CryptoKeyPair): Promise<ProofKey> {
  const jwk = await crypto.subtle.exportKey("jwk", publicKey);
  return { jwk, sign: (data) => crypto.subtle.sign(ALGORITHM, privateKey, data) };
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB failed"));
  });
}

/** What a proof is for. */
export interface ProvedRequest {
  method: string;
  /** Its query and fragment are not part of the proof (RFC 9449 §4.2). */
  url: string;
  /** The token in the `Authorization` header, if the request has one. */
  token?: string | undefined;
}

/** Makes the proofs of one client, and remembers the nonces that servers ask for. */
export class Prover {
  readonly #key: () => Promise<ProofKey>;
  /** The newest nonce of each origin (RFC 9449 §8.2). */
  readonly #nonces = new Map<string, string>();

  constructor(key: () => Promise<ProofKey>) {
    this.#key = once(key);
  }

  /** Returns the value of the `DPoP` header of a request. */
  async prove({ method, url, token }: ProvedRequest): Promise<string> {
    const key = await this.#key();
    const { kty, crv, x, y } = key.jwk;
    const { origin, pathname } = new URL(url);
    const nonce = this.#nonces.get(origin);
    const claims = {
      jti: crypto.randomUUID(),
      htm: method.toUpperCase(),
      htu: origin + pathname,
      iat: Math.floor(Date.now() / 1000),
      ...(nonce !== undefined && { nonce }),
      ...(token !== undefined && { ath: await hashOf(token) }),
    };
    const header = { typ: "dpop+jwt", alg: "ES256", jwk: { kty, crv, x, y } };
    const signed = `${base64url(utf8(JSON.stringify(header)))}.${base64url(utf8(JSON.stringify(claims)))}`;
    return `${signed}.${base64url(new Uint8Array(await key.sign(utf8(signed))))}`;
  }

  /** Remembers the nonce of an answer. Returns whether there was one. */
  notice(url: string, answer: Response): boolean {
    const nonce = answer.headers.get("DPoP-Nonce");
    if (nonce !== null) this.#nonces.set(new URL(url).origin, nonce);
    return nonce !== null;
  }
}

async function hashOf(token: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(token))));
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function base64url(bytes: Uint8Array): string {
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
