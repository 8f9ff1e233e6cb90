/**
 * What survives a reload. It is all in one file, so that it can be reviewed.
 *
 * Everything is in `sessionStorage`, which belongs to this tab alone and ends with it. It contains secrets only where a
 * reload would otherwise force the user to start again:
 *
 * - `pending`: a login that waits for its second factor. The pre-auth token expires after five minutes, is useless
 *   without the second factor, and is removed once used. With it, the secret and the QR code of a new authenticator,
 *   until its first code is right, and the recovery codes that came with a new passkey.
 * - `recoveryCodes`: a new set, until the user confirms that it is saved. It cannot be shown again.
 * - `link`: the token of a link in a mail, until it is used. It is removed from the URL, and so from the history.
 * - `authorization`: what an application asks for, sealed by the service, until the user has decided. It is of no use
 *   without a signed-in user.
 * - `federation.*`: a sign-in that waits for the answer of a provider, by the `state` of that answer, until it expires. Its
 *   token is of no use without the code that the provider gives to this browser.
 * - `connect`: the provider that the user connects to their account once they are signed in.
 * - `next`: the page that the user requested before signing in; `advice`: what the service advised after the sign-in.
 * - `newAuthenticator`: the secret that will replace the old one, until its first code is right or it expires.
 * - drafts of names and addresses; never of passwords or codes.
 *
 * Two answers survive the tab, in `localStorage`: `passkeyDeclined`, that the user of this browser declined the offer of
 * a passkey, which says nothing about an account; and `unsavedCodes`, the id of the account whose new recovery codes
 * were not confirmed to be saved.
 *
 * The access token is in memory only (`session.js`), and the refresh token in a cookie that no script can read.
 */

const PREFIX = 'vestibule.';

/**
 * @typedef {'pending' | 'recoveryCodes' | 'link' | 'authorization' | 'connect' | 'next' | 'advice' | 'newAuthenticator'
 *   | `federation.${string}` | `draft.${string}`} StorageKey
 */

/** Stores a value, until a time if one is given. @param {StorageKey} name @param {any} value @param {number} [until] */
export function save(name, value, until) {
  sessionStorage.setItem(PREFIX + name, JSON.stringify({ value, until }));
}

/** Returns a stored value, unless it has expired. @param {StorageKey} name @returns {any} */
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

/** @typedef {'passkeyDeclined' | 'unsavedCodes'} LastingKey */

/** Stores an answer that survives the tab. @param {LastingKey} name @param {string} value */
export function remember(name, value) {
  localStorage.setItem(PREFIX + name, value);
}

/** Returns such an answer, or null. @param {LastingKey} name */
export function recall(name) {
  return localStorage.getItem(PREFIX + name);
}

/** Forgets such an answer. @param {LastingKey} name */
export function unremember(name) {
  localStorage.removeItem(PREFIX + name);
}

/** Forgets everything, after a sign-out. */
export function forgetAll() {
  for (const name of Object.keys(sessionStorage)) {
    if (name.startsWith(PREFIX)) sessionStorage.removeItem(name);
  }
}
