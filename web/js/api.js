/**
 * Calls the public API, as any client does. Nothing here knows which user is signed in.
 */

/** The URL of the API: two levels above this file, so that the service can be served below any path. */
const BASE = new URL('../../', import.meta.url);

/** Returns the URL of an operation, for the browser to go to. @param {string} path without a slash at its beginning */
export function address(path) {
  return new URL(path, BASE).href;
}

/** An error answer (RFC 9457). If there was no answer at all, its code is `network`. */
export class Problem extends Error {
  /** @param {Record<string, any>} body @param {number} retryAfter seconds to wait, or 0 */
  constructor(body, retryAfter = 0) {
    super(body.detail ?? body.code);
    /** @type {string} */
    this.code = body.code ?? 'internal_error';
    /** @type {{pointer: string, detail: string}[]} */
    this.errors = body.errors ?? [];
    /** Members that only some codes have, such as `attempts_remaining`. */
    this.members = body;
    this.retryAfter = retryAfter;
  }
}

/** The user cancelled a dialog, so the request was not sent again. */
export class Cancelled extends Error {}

/**
 * Sends a request and returns the body of the answer, or `undefined` where it has none.
 * @param {string} method
 * @param {string} path without a slash at its beginning
 * @param {object} [body]
 * @param {string} [bearer]
 * @throws {Problem}
 */
export async function call(method, path, body, bearer) {
  const headers = new Headers();
  if (body !== undefined) headers.set('Content-Type', 'application/json');
  if (bearer) headers.set('Authorization', `Bearer ${bearer}`);
  /** @type {Response} */
  let answer;
  /** @type {any} */
  let content;
  try {
    answer = await fetch(new URL(path, BASE), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      // Only requests to the service's origin carry the cookie with the refresh token.
      credentials: 'same-origin',
      cache: 'no-store',
    });
    content = answer.headers.get('Content-Type')?.includes('json') ? await answer.json() : undefined;
  } catch {
    throw new Problem({ code: 'network' });
  }
  if (answer.ok) return content;
  throw new Problem(content ?? { code: 'internal_error' }, Number(answer.headers.get('Retry-After') ?? 0));
}
