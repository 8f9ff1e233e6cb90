/**
 * The public API, as any client calls it. Nothing here knows who is signed in.
 */

/** Where the API is: two above this file, so that the pages may live below any path. */
const BASE = new URL('../../', import.meta.url);

/** An error answer (RFC 9457), or none at all: then its code is `network`. */
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

/** Somebody was asked for something on the way to a request, and thought better of it. */
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
      // The refresh token's cookie comes and goes with requests to our own origin, and with no others.
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
