// The recipes of docs/CLIENTS.md do what they say. tests/packages/check-types has compiled them.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { ROOT, generateSync } from '../web/libraries.mjs';
import { PASSWORD } from '../web/person.mjs';
import { startService } from '../web/service.mjs';

/** The recipes in the order of the page. */
const [page, native, server, , settings] = await Promise.all(
  [1, 2, 3, 4, 5].map((number) => import(`${ROOT}target/package-tests/types/out/recipe-${number}.js`)),
);
/** @type {any} */
let service;

before(async () => {
  service = await startService({ TRUSTED_PROXIES: '127.0.0.0/8' });
});
after(() => service?.stop());

function keystore() {
  const kept = {};
  return { load: async (name) => kept[name], save: async (name, value) => void (kept[name] = value) };
}

/** A user with an authenticator app, which reads no pictures. */
function user() {
  let secret = '';
  /** @type {string[]} */
  const stored = [];
  const code = async () => {
    await service.advance(30);
    return generateSync({ secret, epoch: Math.floor(await service.now()) });
  };
  /** Takes the secret of a login before its picture is shown. */
  const watch = (login) => {
    const { createAuthenticator } = login;
    const watched = async () => {
      const made = await createAuthenticator();
      secret = made.secret;
      return made;
    };
    return { ...login, createAuthenticator: watched };
  };
  const ask = { code, enrol: code, store: async (codes) => void stored.push(...codes) };
  return { ask, stored, watch, code };
}

test('a page goes on after each outcome, and a native app knows its user after a restart', async () => {
  const { ask, stored, watch } = user();
  const email = 'page@example.com';
  const store = keystore();
  const app = native.open(service.url, store);
  assert.equal(await native.whoAmI(app), undefined);
  assert.equal(await page.finish(watch(await app.register({ email, password: PASSWORD })), ask), true);
  assert.equal(stored.length, 10);
  assert.equal(await native.whoAmI(native.open(service.url, store)), email);
  await app.signOut();
  assert.equal(await native.whoAmI(app), undefined);
  assert.equal(await page.finish(await app.signIn({ email, password: PASSWORD }), ask), true);
  assert.equal(await native.whoAmI(app), email);
  assert.equal(typeof page.open(ask).prove, 'function');
  assert.equal(await page.finish({ status: 'mail_sent' }, ask), false);
});

test('a server-rendered app signs users in, with their own address', async () => {
  const { ask, watch, code } = user();
  const email = 'server@example.com';
  const app = native.open(service.url, keystore());
  await page.finish(watch(await app.register({ email, password: PASSWORD })), ask);
  const session = { tokens: {} };
  // Each request has a client of its own.
  const vestibule = () => server.open(service.url, session, '198.51.100.7');
  assert.equal(await server.postLogin(vestibule(), session, email, PASSWORD), '/code');
  assert.equal(await server.postCode(vestibule(), session, '000000'), '/code?wrong');
  assert.equal(await server.postCode(vestibule(), session, await code()), '/');
  assert.equal(session.preAuthToken, undefined);
  const sessions = await vestibule().sessions();
  assert.ok(sessions.some(({ current, ip }) => current && ip === '198.51.100.7'));
  const expired = { preAuthToken: 'vpa_nonsense', tokens: {} };
  assert.equal(await server.postCode(vestibule(), expired, '123456'), '/login');
});

test('a page of settings makes an API key', async () => {
  const { ask, watch } = user();
  const app = native.open(service.url, keystore());
  await page.finish(watch(await app.register({ email: 'keys@example.com', password: PASSWORD })), ask);
  const { api_key: key, name } = await settings.makeKey(app, 'backup', 30);
  assert.equal(name, 'backup');
  assert.match(key, /^vak_/);
});
