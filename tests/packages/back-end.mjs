// A back end of an app: it verifies access tokens and proofs of possession with a library that knows nothing of the
// service, and demands a recent proof of two factors for one of its paths.

import { createServer } from 'node:http';

import { oauth } from './libraries.mjs';

/** The challenge of RFC 9470 §3. */
const DEMAND = 'error="insufficient_user_authentication", acr_values="aal2", max_age="300"';

export class BackEnd {
  /**
   * Starts a back end.
   * @param {string} issuer the URL of the service
   * @param {string} [page] the origin of the pages that may call it
   */
  static async start(issuer, page) {
    const url = new URL(issuer);
    const insecure = { [oauth.allowInsecureRequests]: true };
    const answer = await oauth.discoveryRequest(url, { ...insecure, algorithm: 'oauth2' });
    const backEnd = new BackEnd(await oauth.processDiscoveryResponse(url, answer), insecure, page);
    await new Promise((resolve) => backEnd.server.listen(0, 'localhost', () => resolve(undefined)));
    backEnd.url = `http://localhost:${/** @type {any} */ (backEnd.server.address()).port}`;
    return backEnd;
  }

  constructor(issuer, options, page) {
    this.issuer = issuer;
    this.options = options;
    this.page = page;
    this.url = '';
    /** What was refused, and why. @type {string[]} */
    this.refusals = [];
    /** The next token is refused as if it had expired. */
    this.refusesNext = false;
    /** `/payments` demands a proof that is not older, in seconds of the service's clock. */
    this.oldestProof = 0;
    this.server = createServer((request, response) => void this.#answer(request, response));
  }

  /** Sets the clock of this back end to that of the service, and somewhat further. */
  async follow(service) {
    this.options = { ...this.options, [oauth.clockSkew]: Math.ceil((await service.now()) - Date.now() / 1000) + 60 };
  }

  stop() {
    this.server.close();
  }

  async #answer(request, response) {
    if (this.page) {
      response.setHeader('Access-Control-Allow-Origin', this.page);
      response.setHeader('Access-Control-Allow-Headers', 'authorization, content-type, dpop');
      response.setHeader('Access-Control-Allow-Methods', 'GET, POST');
      response.setHeader('Access-Control-Expose-Headers', 'www-authenticate');
    }
    if (request.method === 'OPTIONS') return void response.end();
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const scheme = request.headers.authorization?.split(' ')[0] ?? 'Bearer';
    try {
      const asked = new Request(this.url + request.url, { method: request.method, headers: request.headers });
      const claims = await oauth.validateJwtAccessToken(this.issuer, asked, this.issuer.issuer, this.options);
      if (this.refusesNext) throw new Error('expired');
      const isProved = claims.acr === 'aal2' && claims.auth_time >= this.oldestProof;
      if (request.url.startsWith('/payments') && !isProved) return this.#refuse(response, `${scheme} ${DEMAND}`);
      const said = { user: claims.sub, acr: claims.acr, scheme, body: Buffer.concat(chunks).toString() };
      response.setHeader('Content-Type', 'application/json').end(JSON.stringify(said));
    } catch (error) {
      this.#refuse(response, `${scheme} error="invalid_token", error_description="${error.name}"`);
    }
  }

  #refuse(response, challenge) {
    this.refusals.push(challenge);
    this.refusesNext = false;
    response.writeHead(401, { 'WWW-Authenticate': challenge }).end();
  }
}
