/**
 * Work in the place of a wait: while many networks guess at an account, the service checks what this client sends only
 * after it has computed for a moment (ALTCHA, version 2).
 */

import { VestibuleError } from "./errors.ts";
import type { Shape } from "./types.ts";

/** How far the search for a solution is. */
export interface WorkProgress {
  /** From 0 to 1: the part of an average search that is done. An unlucky search stays near 1 for a while. */
  done: number;
  /** The seconds that are probably left. */
  secondsLeft: number;
}

/** How a request is sent that may have to compute. */
export interface WorkOptions {
  /** Ends the request, and the computation. */
  signal?: AbortSignal | undefined;
  /** Called while the client computes, and with `undefined` at the end. */
  onWork?: ((progress: WorkProgress | undefined) => void) | undefined;
}

/** Keys that are derived at the same time: enough that the browser never waits for this script. */
const AT_ONCE = 32;
/** A challenge gets harder during an attack, three times at most. */
const MOST_TRIES = 4;

/** Sends a request, and sends it again with a solution if the service demands work. */
export async function withWork<T>(
  send: (solution: { altcha?: string }) => Promise<T>,
  { signal, onWork }: WorkOptions,
): Promise<T> {
  let solution = {};
  for (let tries = 0; ; tries += 1) {
    try {
      return await send(solution);
    } catch (error) {
      const challenge = error instanceof VestibuleError ? error.problem?.challenge : undefined;
      if (challenge === undefined || tries === MOST_TRIES || !isSolvable(challenge)) throw error;
      try {
        solution = { altcha: await solve(challenge, { signal, onWork }) };
      } finally {
        onWork?.(undefined);
      }
    }
  }
}

/** Browsers derive keys only on pages from https or their own machine. */
function isSolvable(challenge: Shape<"WorkChallenge">): boolean {
  return challenge.parameters.algorithm === "PBKDF2/SHA-256" && globalThis.crypto?.subtle !== undefined;
}

/** Finds the counter whose key begins as the challenge demands. Returns what the service takes as `altcha`. */
export async function solve(
  challenge: Shape<"WorkChallenge">,
  { signal, onWork }: WorkOptions = {},
): Promise<string> {
  const { keyPrefix } = challenge.parameters;
  const average = 16 ** keyPrefix.length;
  const start = Date.now();
  for (let first = 0; ; first += AT_ONCE) {
    signal?.throwIfAborted();
    const counters = Array.from({ length: AT_ONCE }, (_, index) => first + index);
    const keys = await Promise.all(counters.map((counter) => derive(challenge.parameters, counter)));
    const found = keys.findIndex((key) => key.startsWith(keyPrefix));
    if (found >= 0) {
      const solution = { counter: first + found, derivedKey: keys[found] };
      return btoa(JSON.stringify({ challenge, solution }));
    }
    const done = first + AT_ONCE;
    const seconds = (Date.now() - start) / 1000;
    onWork?.({ done: Math.min(done / average, 0.99), secondsLeft: Math.max(0, (seconds / done) * (average - done)) });
  }
}

/** Returns the key for a counter in hexadecimal. */
async function derive(parameters: Shape<"WorkParameters">, counter: number): Promise<string> {
  const { nonce, salt, cost, keyLength } = parameters;
  const password = new Uint8Array([...bytes(nonce), 0, 0, 0, 0]);
  new DataView(password.buffer).setUint32(password.length - 4, counter);
  const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt: bytes(salt), iterations: cost };
  const derived = new Uint8Array(await crypto.subtle.deriveBits(how, key, keyLength * 8));
  return Array.from(derived, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function bytes(hexadecimal: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hexadecimal.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
