/**
 * What survives a reload. One place, so that it can be looked over.
 *
 * All of it lies in `sessionStorage`: it is this tab's alone, and gone with the tab. It holds secrets where a reload
 * would otherwise cost the person their place:
 *
 * - `pending`: a login between the two doors. The pre-auth token lives five minutes, opens nothing without the second
 *   factor, and is removed once used. With it, a new authenticator's secret and QR code, until its first code is right.
 * - `recoveryCodes`: a new set, until the person says that it is kept. It cannot be shown again.
 * - `link`: the token of a mail that was followed, taken out of the address and so out of the history, until used.
 * - `next`: the page that was wanted before signing in; `advice`: what the service advised when somebody did.
 * - `newAuthenticator`: the secret that is to take the old one's place, until its first code is right or it expires.
 * - drafts of names and addresses that were typed; never of passwords or codes.
 *
 * The access token is in memory only (`session.js`), and the refresh token in a cookie that no script can read.
 */

const PREFIX = 'vestibule.';

/** @typedef {'pending' | 'recoveryCodes' | 'link' | 'next' | 'advice' | 'newAuthenticator' | `draft.${string}`} StorageKey */

/** Keeps something, until a moment if one is given. @param {StorageKey} name @param {any} value @param {number} [until] */
export function save(name, value, until) {
  sessionStorage.setItem(PREFIX + name, JSON.stringify({ value, until }));
}

/** Returns what was kept, unless its time is over. @param {StorageKey} name @returns {any} */
export function load(name) {
  const text = sessionStorage.getItem(PREFIX + name);
  if (text === null) return undefined;
  const { value, until } = JSON.parse(text);
  if (until !== undefined && until <= Date.now()) {
    forget(name);
    return undefined;
  }
  return value;
}

/** @param {StorageKey} name */
export function forget(name) {
  sessionStorage.removeItem(PREFIX + name);
}

/** Forgets everything, when somebody signs out. */
export function forgetAll() {
  for (const name of Object.keys(sessionStorage)) {
    if (name.startsWith(PREFIX)) sessionStorage.removeItem(name);
  }
}
