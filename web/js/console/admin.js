/**
 * Calls the API of administrators. Wherever it demands a recent proof, the user is asked for one.
 */

import { current, decode } from '../session.js';
import { sensitive } from '../step-up.js';

/** @param {string} path below `admin/` @param {Record<string, string | undefined>} [query] */
export function read(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value);
  const search = new URLSearchParams(/** @type {[string, string][]} */ (given)).toString();
  return sensitive('GET', `admin/${path}${search && `?${search}`}`);
}

/** @param {'POST' | 'PATCH' | 'DELETE'} method @param {string} path below `admin/` @param {object} [body] */
export function change(method, path, body) {
  return sensitive(method, `admin/${path}`, body);
}

/**
 * Asks the service whether the user may administer. A page that shows nothing of the service asks this first, so that
 * those who may not see no form.
 */
export function admission() {
  return read('users', { limit: '1' });
}

/** Returns the id in the URL of the page. */
export function wanted() {
  // In a path, a text that is not an id must not become another path.
  return encodeURIComponent(new URLSearchParams(location.search).get('id') ?? '');
}

/** Returns whether an account is the administrator's own. @param {string} id */
export function isOwn(id) {
  return decode(current()?.accessToken ?? '')?.claims.sub === id;
}
