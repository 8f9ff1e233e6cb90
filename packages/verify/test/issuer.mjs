// A server with the documents of the service, which a test makes fail: it publishes keys and a list of ended sessions.

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

import { seconds } from './clock.mjs';
import { jose } from './package.mjs';

/** How it answers instead, by name. */
const FAULTS = {
  error: (response) => response.writeHead(500).end(),
  redirect: (response) => response.writeHead(302, { Location: 'https://other.example/' }).end(),
  garbage: (response) => response.writeHead(200).end('<html>'),
  empty: (response) => response.writeHead(200).end('{"keys":[]}'),
  silence: () => {},
  drip(response) {
    response.writeHead(200);
    const timer = setInterval(() => response.write(' '), 50);
    response.on('close', () => clearInterval(timer));
  },
  flood(response) {
    response.writeHead(200);
    const more = () => {
      while (response.write(' '.repeat(65536)));
    };
    response.on('drain', more);
    more();
  },
};

export class Issuer {
  /** The requests, by path. */
  asked = { metadata: 0, keys: 0, ended: 0 };
  /** A name of a fault, by path. */
  faults = {};
  /** What the metadata has in place of the truth. */
  metadata = {};
  /** What the list has in place of the truth: a function of the query. */
  list = () => ({});
  ended = [];
  #keys = [];

  static async start() {
    const issuer = new Issuer();
    await issuer.rotate();
    issuer.server = createServer((request, response) => {
      const url = new URL(request.url, issuer.url);
      const name = { '/.well-known/openid-configuration': 'metadata', '/keys': 'keys', '/ended': 'ended' }[
        url.pathname
      ];
      issuer.asked[name] += 1;
      const fault = FAULTS[issuer.faults[name]];
      if (fault) return fault(response);
      issuer.#answer(name, url.searchParams).then((body) => response.end(body));
    });
    await new Promise((resolve) => issuer.server.listen(0, '127.0.0.1', resolve));
    issuer.url = `http://127.0.0.1:${issuer.server.address().port}`;
    return issuer;
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }

  /** Makes the key that signs from now on. The older ones are not published any longer. */
  async rotate() {
    const { privateKey, publicKey } = await jose.generateKeyPair('ES256', { extractable: true });
    const kid = randomUUID();
    this.#keys = [{ ...(await jose.exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' }];
    this.signing = { privateKey, kid };
  }

  async #answer(name, query) {
    if (name === 'metadata') {
      const urls = { jwks_uri: `${this.url}/keys`, ended_sessions_endpoint: `${this.url}/ended` };
      return JSON.stringify({ issuer: this.url, ...urls, ...this.metadata });
    }
    if (name === 'keys') return JSON.stringify({ keys: this.#keys });
    const after = query.get('after');
    const times = { iat: seconds(), exp: seconds() + 700 };
    const list = { iss: this.url, ...times, ended: this.ended, cursor: `c${this.asked.ended}`, more: false, after };
    return this.sign({ ...list, ...this.list(after) }, { typ: 'ended+jwt' });
  }

  sign(claims, header = {}) {
    const { privateKey, kid } = this.signing;
    const all = { alg: 'ES256', typ: 'at+jwt', kid, ...header };
    return new jose.SignJWT(claims).setProtectedHeader(all).sign(privateKey);
  }

  /** Returns a good access token of a user in person, but for `changes`; a claim that is `undefined` is left out. */
  token(changes = {}, header = {}) {
    const now = seconds();
    const good = {
      iss: this.url,
      aud: this.url,
      sub: randomUUID(),
      client_id: 'vestibule',
      sid: randomUUID(),
      jti: randomUUID(),
      iat: now,
      nbf: now,
      exp: now + 600,
      auth_time: now,
      acr: 'aal2',
      amr: ['pwd', 'otp', 'mfa'],
    };
    return this.sign(JSON.parse(JSON.stringify({ ...good, ...changes })), header);
  }
}

/** Returns a request with a token. */
export function bearing(token, scheme = 'Bearer', more = {}) {
  return { method: 'GET', url: '/', headers: { authorization: `${scheme} ${token}`, ...more } };
}
