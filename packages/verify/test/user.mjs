// A user of the service with a client of their own: signs up with a password, and gives a second factor later.

import { randomUUID } from 'node:crypto';

import { dpop, otplib } from './package.mjs';

const PASSWORD = 'korrekt pferd batterie';

export class User {
  email = `${randomUUID()}@example.com`;

  /** Signs up. `keys`: what the session is to be bound to, if anything. */
  static async signUp(service, keys) {
    const user = new User();
    user.service = service;
    user.keys = keys;
    await user.#post('/register', { email: user.email, password: PASSWORD });
    await user.logIn();
    return user;
  }

  async logIn() {
    this.#take(await this.#post('/login', { email: this.email, password: PASSWORD }));
  }

  async refresh() {
    this.#take(await this.#post('/token/refresh', { refresh_token: this.refreshToken }));
  }

  logOut() {
    return this.#post('/logout', undefined, this.accessToken);
  }

  /** Sets an authenticator up, if there is none, and proves it. */
  async stepUp() {
    const { secret } = await this.#post('/2fa/totp', undefined, this.accessToken);
    const now = Math.floor(Date.now() / 1000);
    const [code, next] = [now, now + 30].map((epoch) => otplib.generateSync({ secret, epoch }));
    await this.#post('/2fa/totp/confirm', { code }, this.accessToken);
    this.#take(await this.#post('/step-up', { code: next }, this.accessToken));
  }

  /** Returns the headers of a request to a back end. */
  async credentials(method, url) {
    if (!this.keys) return { authorization: `Bearer ${this.accessToken}` };
    const proof = await dpop.generateProof(this.keys, url, method, undefined, this.accessToken);
    return { authorization: `DPoP ${this.accessToken}`, dpop: proof };
  }

  #take({ access_token, refresh_token }) {
    this.accessToken = access_token;
    this.refreshToken = refresh_token;
  }

  async #post(path, body, token) {
    const url = this.service.url + path;
    for (let tries = 0; ; tries += 1) {
      const headers = { ...(body && { 'content-type': 'application/json' }) };
      if (token) headers.authorization = `${this.keys ? 'DPoP' : 'Bearer'} ${token}`;
      if (this.keys) headers.dpop = await dpop.generateProof(this.keys, url, 'POST', this.nonce, token);
      const answer = await fetch(url, { method: 'POST', headers, body: body && JSON.stringify(body) });
      this.nonce = answer.headers.get('dpop-nonce') ?? this.nonce;
      const text = await answer.text();
      if (answer.ok) return text && JSON.parse(text);
      if (JSON.parse(text).code !== 'use_dpop_nonce' || tries > 2) throw new Error(`${path}: ${answer.status} ${text}`);
    }
  }
}
