// A page of another origin signs its user in with oidc-client-ts and the code of docs/how-to/applications.md: the
// browser decides what the page may call and read.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { ROOT, generateSync } from './libraries.mjs';
import { PASSWORD, openBrowser } from './person.mjs';
import { startService } from './service.mjs';

const DOCUMENT = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<script type="importmap">{"imports": {"oidc-client-ts": "/oidc-client-ts.js", "jwt-decode": "/jwt-decode.js"}}</script>
<script type="module">import * as app from '/app.js'; window.app = app; window.user = await app.start();</script>`;
const library = (path) => readFileSync(`${ROOT}target/web-tests/node_modules/${path}`, 'utf8');
const LIBRARIES = {
  '/oidc-client-ts.js': library('oidc-client-ts/dist/esm/oidc-client-ts.js'),
  '/jwt-decode.js': library('jwt-decode/build/esm/index.js'),
};

/** @type {any} */
let service;
/** @type {any} */
let browser;
/** @type {import('node:http').Server} */
let application;
/** The page, on an origin of its own. */
let origin = '';
/** The module of the documentation. */
let module = '';
/** What the page's own back end was sent. */
const bearers = [];

before(async () => {
  [service, browser] = await Promise.all([startService({ ACCESS_TOKEN_TTL: '62' }), openBrowser()]);
  application = createServer((request, answer) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname === '/orders') bearers.push(request.headers.authorization);
    const script = { '/app.js': module, ...LIBRARIES }[pathname];
    answer.setHeader('content-type', script ? 'text/javascript' : 'text/html').end(script ?? DOCUMENT);
  });
  await new Promise((resolve) => application.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (application.address());
  origin = `http://127.0.0.1:${port}`;
  module = documented(service.url, await register());
});
after(async () => {
  await browser?.close();
  application?.close();
  await service?.stop();
});

async function register() {
  const words = ['create', 'Shop', '--json', '--kind', 'public', '--redirect-uri', `${origin}/`];
  words.push('--post-logout-redirect-uri', `${origin}/`, '--resource', 'https://api.example.com');
  for (const scope of ['openid', 'email', 'offline_access', 'orders:read']) words.push('--scope', scope);
  const { stdout } = await service.operate(['clients', ...words]);
  return JSON.parse(stdout).id;
}

/** Returns the code of the page about applications, for a service and an application. */
function documented(issuer, id) {
  const [, code] = /\n```js\n(\/\/ app\.js\n[^]*?)\n```/.exec(
    readFileSync(`${ROOT}docs/how-to/applications.md`, 'utf8'),
  );
  const changed = code
    .replace('"http://localhost:8080"', JSON.stringify(issuer))
    .replace(/client_id: "[^"]*"/, `client_id: "${id}"`);
  assert.ok(changed.includes(issuer) && changed.includes(id));
  return changed;
}

/** Registers a user, and returns their access token. */
async function signUp(email) {
  const made = await service.call('POST', '/register', { email, password: PASSWORD });
  const code = generateSync({ secret: made.totp.secret, epoch: Math.floor(await service.now()) });
  const { access_token } = await service.call('POST', '/2fa/verify', { pre_auth_token: made.pre_auth_token, code });
  return access_token;
}

/** Decides as a page of the service does, and returns where the browser goes. */
async function approve(request, token) {
  const answer = await fetch(`${service.url}/oauth/authorize`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ request, decision: 'approve' }),
  });
  return (await answer.json()).redirect_to;
}

test('a page of another origin signs its user in, renews its tokens, and signs out everywhere', async () => {
  const token = await signUp('page@example.com');
  const context = await browser.newContext();
  const page = await context.newPage();
  const started = () => page.waitForFunction(() => 'user' in window);
  const inPage = (expression) => page.evaluate(expression);
  const held = () => inPage('Object.entries(sessionStorage).find(([name]) => name.startsWith("oidc.user:"))?.[1]');

  await page.goto(`${origin}/`);
  await started();
  assert.equal(await inPage('window.user'), null);
  const answered = page.waitForResponse((answer) => answer.url().startsWith(`${service.url}/oauth/authorize?`));
  await inPage('void app.signIn()');
  const { location } = (await answered).headers();
  // Otherwise the page may still be on its way there when it is sent elsewhere.
  await page.waitForURL((url) => url.href.startsWith(service.url));
  const request = new URLSearchParams(new URL(location).hash.slice(1)).get('request');
  await page.goto(await approve(request, token));
  await started();
  assert.equal(await inPage('window.user.profile.email'), 'page@example.com');
  assert.equal(page.url(), `${origin}/`, 'neither the code nor the state stays in the address');
  await inPage('app.call("/orders").then(() => {})');
  assert.match(bearers.at(-1), /^Bearer ey/);

  // The library renews a token that has less than a minute left.
  const first = await held();
  await page.waitForFunction(
    (before) => Object.values(sessionStorage).every((value) => value !== before),
    first,
  );
  const renewed = JSON.parse(await held());
  assert.notEqual(renewed.refresh_token, JSON.parse(first).refresh_token);

  await inPage('void app.signOut()');
  await page.waitForURL((url) => url.origin === origin);
  await started();
  assert.equal(await inPage('window.user'), null);
  const answer = await fetch(`${service.url}/me`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 401);
  await context.close();
});
