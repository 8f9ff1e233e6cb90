/**
 * Work in the place of a wait: while other networks guess at an account, the service checks what this browser sends only
 * after it has computed for a moment. The challenge is one of ALTCHA, version 2.
 *
 * No worker is needed, and the policy of these pages allows none: the browser derives keys beside the page's own thread.
 */

import { Cancelled, Problem } from './api.js';
import { fill, h } from './dom.js';
import { duration, t } from './i18n.js';

/** Keys that are derived at the same time: enough that the browser never waits for this script. */
const AT_ONCE = 32;
/** How often a request is sent again: a challenge gets harder during an attack, three times at most. */
const MOST_TRIES = 4;

/**
 * Makes the place that shows the work, and the function that sends a request with it.
 * @returns {{place: HTMLElement, send: <T>(request: (altcha?: string) => Promise<T>) => Promise<T>}}
 */
export function work() {
  const place = h('div', { role: 'status', class: 'notice warn work' });
  /** @param {(altcha?: string) => Promise<any>} request */
  const send = async (request) => {
    /** @type {string | undefined} */
    let solution;
    for (let tries = 0; ; tries += 1) {
      try {
        return await request(solution);
      } catch (problem) {
        if (!(problem instanceof Problem) || tries === MOST_TRIES || !isSolvable(problem.members.challenge)) throw problem;
        solution = await solveBeside(place, problem.members.challenge);
      }
    }
  };
  return { place, send };
}

/**
 * @typedef {object} Challenge
 * @property {{algorithm: string, nonce: string, salt: string, cost: number, keyLength: number, keyPrefix: string}} parameters
 * @property {string} signature
 */

/** Browsers derive keys on pages from https or their own machine only. @param {Challenge | undefined} challenge */
function isSolvable(challenge) {
  return challenge?.parameters.algorithm === 'PBKDF2/SHA-256' && crypto.subtle !== undefined;
}

/** Solves a challenge, and shows that meanwhile. @param {HTMLElement} place @param {Challenge} challenge */
async function solveBeside(place, challenge) {
  const stopping = new AbortController();
  const text = h('p', {}, t('work.begun'));
  const bar = h('progress', { max: 1, 'aria-label': t('work.progress') });
  const cancel = h('button', { type: 'button', on: { click: () => stopping.abort() } }, t('work.cancel'));
  fill(place, text, bar, cancel);
  let isTold = false;
  const tell = (/** @type {number} */ part, /** @type {number} */ seconds) => {
    // An unlucky search takes longer than the average one.
    bar.value = Math.min(part, 0.95);
    if (!isTold) fill(text, t('work.begun'), ' ', t('work.left', { time: duration(seconds) }));
    isTold = true;
  };
  try {
    return await solve(challenge, stopping.signal, tell);
  } finally {
    fill(place);
  }
}

/**
 * Searches for the counter whose key begins as the challenge demands.
 * @param {Challenge} challenge
 * @param {AbortSignal} signal
 * @param {(part: number, seconds: number) => void} tell what part of an average search is done, and what is left of it
 * @returns {Promise<string>} the solution, as the service takes it
 */
async function solve({ parameters, signature }, signal, tell) {
  const average = 16 ** parameters.keyPrefix.length;
  const start = performance.now();
  for (let first = 0; ; first += AT_ONCE) {
    if (signal.aborted) throw new Cancelled();
    const counters = Array.from({ length: AT_ONCE }, (_, index) => first + index);
    const keys = await Promise.all(counters.map((counter) => derive(parameters, counter)));
    const found = keys.findIndex((key) => key.startsWith(parameters.keyPrefix));
    const time = performance.now() - start;
    if (found >= 0) {
      const solution = { counter: counters[found], derivedKey: keys[found], time };
      return btoa(JSON.stringify({ challenge: { parameters, signature }, solution }));
    }
    const done = first + AT_ONCE;
    if (time > 100) tell(done / average, Math.max(1, (time / done) * (average - done)) / 1000);
  }
}

/** @param {Challenge['parameters']} parameters @param {number} counter @returns {Promise<string>} in hexadecimal */
async function derive({ nonce, salt, cost, keyLength }, counter) {
  const password = new Uint8Array([...bytes(nonce), 0, 0, 0, 0]);
  new DataView(password.buffer).setUint32(password.length - 4, counter);
  const key = await crypto.subtle.importKey('raw', password, 'PBKDF2', false, ['deriveBits']);
  const how = { name: 'PBKDF2', hash: 'SHA-256', salt: bytes(salt), iterations: cost };
  const derived = new Uint8Array(await crypto.subtle.deriveBits(how, key, keyLength * 8));
  return Array.from(derived, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @param {string} hexadecimal */
function bytes(hexadecimal) {
  return Uint8Array.from(hexadecimal.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
