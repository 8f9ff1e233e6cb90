// An application that users sign in to: a server that sends them to the service, and gets them back.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

/** The secret behind the challenge of every request. */
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';

export class Application {
  /**
   * Starts an application and registers it.
   * @param {any} service
   * @param {string} name
   * @param {{scopes?: string[], flags?: string[]}} [options]
   */
  static async register(service, name, { scopes = ['openid', 'email', 'offline_access'], flags = [] } = {}) {
    const application = new Application(service, name);
    await application.#listen();
    const { stdout } = await service.operate([
      ...['clients', 'create', name, '--kind', 'public', '--json'],
      ...['--redirect-uri', application.callback, '--post-logout-redirect-uri', application.goodbye],
      ...['--resource', 'https://api.example.com', ...scopes.flatMap((scope) => ['--scope', scope]), ...flags],
    ]);
    application.id = JSON.parse(stdout).id;
    application.scopes = scopes;
    return application;
  }

  /** @param {any} service @param {string} name */
  constructor(service, name) {
    this.service = service;
    this.name = name;
    this.link = '';
    /** The last answer that came in a form. @type {URLSearchParams | undefined} */
    this.posted = undefined;
  }

  /** Its host name is not that of the service, so the browser treats both as different sites. */
  async #listen() {
    const server = createServer(async (asked, answer) => {
      if (asked.method === 'POST') this.posted = new URLSearchParams(await text(asked));
      const href = this.link.replaceAll('&', '&amp;');
      answer.setHeader('Content-Type', 'text/html; charset=utf-8');
      answer.end(
        `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>${this.name}</title>` +
          `<h1>${this.name}</h1><a href="${href}">Go</a>`,
      );
    });
    await new Promise((resolve) => server.listen(0, 'localhost', () => resolve(undefined)));
    server.unref();
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
    this.url = `http://localhost:${port}`;
    this.callback = `${this.url}/callback`;
    this.goodbye = `${this.url}/goodbye`;
  }

  /** The user comes from the application. @param {any} person @param {string} link of the application's page */
  async send(person, link) {
    this.link = link;
    person.visits(this.url);
    await person.page.goto(this.url);
    await person.follow('Go');
  }

  /** The application asks the user to sign in. @param {any} person @param {Record<string, string>} [changes] */
  async begin(person, changes = {}) {
    const query = new URLSearchParams({
      client_id: this.id,
      redirect_uri: this.callback,
      response_type: 'code',
      scope: this.scopes.join(' '),
      state: 'a state & more',
      nonce: 'a nonce',
      code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
      code_challenge_method: 'S256',
      ...changes,
    });
    await this.send(person, `${this.service.url}/oauth/authorize?${query}`);
  }

  /** The application asks to sign the user out. @param {any} person @param {Record<string, string>} parameters */
  async end(person, parameters) {
    await this.send(person, `${this.service.url}/oauth/logout?${new URLSearchParams(parameters)}`);
  }

  /** Waits until the user is back, and returns the answer. @param {any} person */
  async answer(person) {
    await person.page.waitForURL((url) => url.origin + url.pathname === this.callback);
    const parameters = this.posted ?? new URL(person.page.url()).searchParams;
    this.posted = undefined;
    assert.equal(parameters.get('state'), 'a state & more');
    assert.equal(parameters.get('iss'), this.service.url);
    return parameters;
  }

  /** Waits until the user is back with a code, and gets the tokens. @param {any} person */
  async tokens(person) {
    const code = (await this.answer(person)).get('code');
    assert.ok(code, person.page.url());
    const answer = await this.token({
      grant_type: 'authorization_code',
      code,
      redirect_uri: this.callback,
      code_verifier: VERIFIER,
    });
    assert.equal(answer.status, 200);
    return answer.json();
  }

  /** @param {Record<string, string>} form */
  token(form) {
    const body = new URLSearchParams({ ...form, client_id: this.id });
    return fetch(`${this.service.url}/oauth/token`, { method: 'POST', body });
  }
}
