/**
 * The session of the signed-in user.
 *
 * The access token is in this page's memory and nowhere else. The refresh token is in a cookie that no script can read.
 * All tabs share the cookie, so they refresh one after the other (Web Locks). In browsers without locks two tabs may
 * use the same refresh token: the service accepts the previous one for a short time. A tab that signs out notifies the
 * others.
 */

import { Problem, call } from './api.js';
import { forgetAll } from './storage.js';

/** Not a secret: says that there may be a cookie, so that a first visit does not send a refresh that must fail. */
const HINT = 'vestibule.signed-in';
/** An access token is not used during its last seconds. This is how many. */
const MARGIN = 20;

/**
 * @typedef {object} Session
 * @property {string} accessToken
 * @property {number} until when the token is no longer used, by this machine's clock, in milliseconds
 * @property {number} ahead milliseconds by which the service's clock is ahead of this machine's
 * @property {any} about the session, as the API returns it
 */

/** @type {Session | undefined} */
let session;
/** @type {Promise<void> | undefined} */
let refreshing;
const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('vestibule') : undefined;
/** @type {((change: 'in' | 'out' | 'ended') => void)[]} */
const listeners = [];

/** @returns {Session | undefined} */
export function current() {
  return session;
}

/** Calls back after a sign-in in another tab, or a sign-out in any. @param {typeof listeners[number]} listener */
export function onChange(listener) {
  listeners.push(listener);
}

/**
 * Stores new tokens.
 * @param {any} tokens a TokenResponse
 * @param {{begins?: boolean}} [how] whether they start a session; then the other tabs are notified
 */
export function accept(tokens, { begins = false } = {}) {
  const now = Date.now();
  session = {
    accessToken: tokens.access_token,
    until: now + (tokens.expires_in - MARGIN) * 1000,
    ahead: issuedAt(tokens.access_token, now) - now,
    about: tokens.session,
  };
  localStorage.setItem(HINT, '1');
  if (begins) channel?.postMessage('in');
}

/** Finds out whether a user is signed in, when a page is loaded. */
export async function restore() {
  if (localStorage.getItem(HINT) === null) return;
  try {
    await refresh();
  } catch (problem) {
    if (!(problem instanceof Problem) || problem.code !== 'invalid_refresh_token') throw problem;
  }
}

/**
 * Sends a request as the signed-in user. An access token that has expired is replaced, once.
 * @param {string} method @param {string} path @param {object} [body]
 */
export function authorized(method, path, body) {
  return withToken((token) => call(method, path, body, token));
}

/**
 * Adds a proof to the session and stores its new tokens. No other tab may refresh meanwhile: the service refuses the
 * refresh token from before the step-up, and the cookie with the new one is set by the answer.
 * @param {object} proof
 * @returns {Promise<void>}
 */
export function stepUp(proof) {
  return withToken((token) => inTurn(async () => accept(await call('POST', 'step-up', proof, token))));
}

/** Codes that need another access token: the old one is over, or the cookie is of a session that another tab began. */
const REPLACED = ['invalid_token', 'two_sessions'];

/**
 * Sends a request with the access token, and once more with a new one if the service no longer accepts the first.
 * @template T
 * @param {(accessToken: string | undefined) => Promise<T>} send
 * @returns {Promise<T>}
 */
async function withToken(send) {
  if (!session || session.until <= Date.now()) await refresh();
  try {
    return await send(session?.accessToken);
  } catch (problem) {
    if (!(problem instanceof Problem) || !REPLACED.includes(problem.code)) throw problem;
    await refresh();
    return send(session?.accessToken);
  }
}

/** Ends the session. If the service cannot be reached, this throws, and the user can try again. */
export async function signOut() {
  try {
    await authorized('POST', 'logout', {});
  } catch (problem) {
    if (!(problem instanceof Problem) || !/^invalid_(refresh_)?token$/.test(problem.code)) throw problem;
  }
  drop();
}

/** Forgets a session that has ended, such as that of a deleted account. */
export function drop() {
  forgetAll();
  leave('out');
  channel?.postMessage('out');
}

/** Gets new tokens now. */
export function renew() {
  return refresh();
}

function refresh() {
  refreshing ??= inTurn(async () => {
    try {
      const tokens = await call('POST', 'token/refresh', {});
      if (session && subject(tokens.access_token) !== subject(session.accessToken)) {
        await reloadPage();
      }
      accept(tokens);
    } catch (problem) {
      if (problem instanceof Problem && problem.code === 'invalid_refresh_token') {
        leave('ended');
      }
      throw problem;
    }
  }).finally(() => {
    refreshing = undefined;
  });
  return refreshing;
}

/**
 * Another user signed in, in a page that did not notify this one: the cookie is theirs now. What this tab shows, stores
 * and requests belongs to the previous user, so the page is reloaded. The promise never resolves, so that nothing that
 * waits for it runs until then.
 * @returns {Promise<never>}
 */
function reloadPage() {
  forgetAll();
  location.reload();
  return new Promise(() => {});
}

/** Returns the id of the signed-in user's account. @returns {string | undefined} */
export function account() {
  return session && subject(session.accessToken);
}

/** @param {string} accessToken */
function subject(accessToken) {
  return decode(accessToken)?.claims?.sub;
}

/** Runs work while no other tab does the same. @param {() => Promise<void>} work @returns {Promise<void>} */
async function inTurn(work) {
  if ('locks' in navigator) await navigator.locks.request('vestibule.refresh', work);
  else await work();
}

/** @param {'out' | 'ended'} how */
function leave(how) {
  const wasSignedIn = session !== undefined;
  session = undefined;
  localStorage.removeItem(HINT);
  if (wasSignedIn) tell(how);
}

/** @param {'in' | 'out' | 'ended'} change */
function tell(change) {
  for (const listener of listeners) listener(change);
}

/** @param {string} accessToken @param {number} otherwise */
function issuedAt(accessToken, otherwise) {
  const claims = decode(accessToken)?.claims;
  return typeof claims?.iat === 'number' ? claims.iat * 1000 : otherwise;
}

/**
 * Decodes a JWT without verifying it: for display only, not for decisions.
 * @param {string} token
 * @returns {{header: any, claims: any} | undefined}
 */
export function decode(token) {
  try {
    const [header, claims] = token.split('.', 2).map((part) => {
      const binary = atob(part.replace(/-/g, '+').replace(/_/g, '/'));
      return JSON.parse(new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0))));
    });
    return { header, claims };
  } catch {
    return undefined;
  }
}

channel?.addEventListener('message', ({ data }) => {
  if (data === 'out' && session) {
    forgetAll();
    leave('out');
  }
  // This does not check the hint: what another tab writes to localStorage may arrive after its message.
  if (data === 'in' && !session)
    refresh().then(
      () => session && tell('in'),
      () => {},
    );
});
