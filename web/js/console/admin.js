/**
 * Calls the API of administrators. Where a change demands a recent proof, the user is asked for one.
 */

import { authorized, current, decode } from '../session.js';
import { sensitive } from '../step-up.js';

/**
 * Reads something. A session that may read nothing at all gets a page that says why, with a way to prove what is missing.
 * @param {string} path below `admin/` @param {Record<string, string | undefined>} [query]
 */
export function read(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value);
  const search = new URLSearchParams(/** @type {[string, string][]} */ (given)).toString();
  return authorized('GET', `admin/${path}${search && `?${search}`}`);
}

/** @param {'POST' | 'PATCH' | 'DELETE'} method @param {string} path below `admin/` @param {object} [body] */
export function change(method, path, body) {
  return sensitive(method, `admin/${path}`, body);
}

/**
 * Asks the service whether the user may administer. A page that loads nothing else asks this first: a user without the
 * role must not see its form.
 */
export function admission() {
  return read('users', { limit: '1' });
}

/** The id of no object. */
const NIL = '00000000-0000-0000-0000-000000000000';

/** Returns the id in the URL of the page. */
export function wanted() {
  const id = new URLSearchParams(location.search).get('id') ?? '';
  // In a path, a text that is not an id must not become another path, as `..` would. The service has nothing of NIL.
  return /^[0-9a-f-]{36}$/i.test(id) ? id : NIL;
}

/** The claims of the administrator's access token. @returns {Record<string, any> | undefined} */
function own() {
  return decode(current()?.accessToken ?? '')?.claims;
}

/** Returns whether an account is the administrator's own. @param {string} id */
export function isOwn(id) {
  return own()?.sub === id;
}

/** Returns whether a session is the one that the administrator uses now. @param {string} id */
export function isOwnSession(id) {
  return own()?.sid === id;
}
