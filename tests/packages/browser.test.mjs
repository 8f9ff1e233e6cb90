// @vestibule/client without a framework, in a browser: tabs, keys that the browser keeps, and sign-ins at a provider.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { ROOT, generateSync } from '../web/libraries.mjs';
import { PASSWORD, openBrowser } from '../web/person.mjs';
import { signInThere, startWithProviders } from '../web/providers.mjs';

/** The client as npm installs it, from tests/packages/check-types. */
const CLIENT = `${ROOT}target/package-tests/types/node_modules/@vestibule/client/dist/`;
/** @type {any} */
let service;
/** @type {any} */
let browser;
let users = 0;

before(async () => {
  const settings = { SECOND_FACTORS: 'totp,passkey', TRUSTED_DEVICE_TTL: '86400' };
  [service, browser] = await Promise.all([startWithProviders(settings), openBrowser()]);
});
after(async () => {
  await browser?.close();
  await service?.stop();
});

/** Opens a browser in which the service serves the client as well, and an empty page. */
async function openContext() {
  const context = await browser.newContext();
  context.setDefaultTimeout(20_000);
  await context.route('**/app/**', (route) => {
    const name = new URL(route.request().url()).pathname.split('/app/')[1];
    const page = { contentType: 'text/html', body: '<!doctype html><title>App</title>' };
    return route.fulfill(name ? { contentType: 'text/javascript', path: CLIENT + name } : page);
  });
  // The account pages do nothing here: providers send the browser back to one of them.
  await context.route('**/account/js/**', (route) => route.abort());
  return context;
}

async function openTab(context, options = {}) {
  const page = await context.newPage();
  await page.goto(`${service.url}/app/`);
  await start(page, options);
  return page;
}

/** Makes a client in a page, as `vestibule`. */
async function start(page, options = {}) {
  await page.evaluate(async (options) => {
    const { Vestibule } = await import('/app/index.js');
    const made = new Vestibule(location.origin, options);
    Object.assign(globalThis, { vestibule: made, states: [] });
    made.subscribe(({ status }) => globalThis.states.push(status));
  }, options);
}

/** The browser is back from a provider, at the redirect URI. */
async function isBack(page) {
  await page.waitForURL((url) => url.origin === service.url && url.pathname === '/account/federation');
  await start(page);
}

const codeAt = (secret, time) => generateSync({ secret, epoch: Math.floor(time) });

/** Registers in a tab. Returns the secret of the authenticator app. */
async function signUp(page, email = `browser-${(users += 1)}@example.com`) {
  const secret = await page.evaluate(
    async ([email, password]) => {
      globalThis.login = await vestibule.register({ email, password });
      return (await globalThis.login.createAuthenticator()).secret;
    },
    [email, PASSWORD],
  );
  const code = codeAt(secret, await service.now());
  const recoveryCodes = await page.evaluate(async (code) => (await globalThis.login.confirm(code)).recoveryCodes, code);
  return { email, secret, recoveryCodes };
}

const statusOf = (page) => page.evaluate(async () => (await vestibule.restore()).status);
const emailOf = (page) => page.evaluate(async () => (await vestibule.user()).email);

test('tabs that open at the same moment share one session', async () => {
  for (const hasLocks of [true, false]) {
    const context = await openContext();
    if (!hasLocks) await context.addInitScript(() => delete Navigator.prototype.locks);
    const { email } = await signUp(await openTab(context));
    const tabs = await Promise.all(Array.from({ length: 4 }, () => openTab(context)));
    assert.equal(await tabs[0].evaluate(() => 'locks' in navigator), hasLocks);
    assert.deepEqual(await Promise.all(tabs.map(statusOf)), Array(4).fill('signed_in'));
    assert.deepEqual(await Promise.all(tabs.map(emailOf)), Array(4).fill(email));
    await context.close();
  }
});

test('a tab that waited for another one sends no refresh of its own', async () => {
  const context = await openContext();
  const first = await openTab(context);
  await signUp(first);
  const second = await openTab(context);
  await statusOf(second);
  let refreshes = 0;
  // The answer is late, so that both tabs ask meanwhile.
  await context.route('**/token/refresh', async (route) => {
    refreshes += 1;
    await new Promise((resolve) => setTimeout(resolve, 500));
    await route.continue();
  });
  for (let turn = 1; turn <= 5; turn += 1) {
    await Promise.all([first, second].map((page) => page.evaluate(() => vestibule.refresh())));
    assert.equal(refreshes, turn);
  }
  await context.close();
});

test('another user who signs in in one tab is the user of all tabs', async () => {
  const context = await openContext();
  const first = await openTab(context);
  const one = await signUp(first);
  const second = await openTab(context);
  await statusOf(second);
  await second.evaluate(() => vestibule.signOut());
  await first.waitForFunction(() => vestibule.state.status === 'signed_out');
  const other = await signUp(second);
  await first.waitForFunction(() => vestibule.state.status === 'signed_in');
  assert.equal(await emailOf(first), other.email);
  const states = await first.evaluate(() => globalThis.states);
  assert.deepEqual(states.filter((status, index) => status !== states[index - 1]), [
    'signed_in',
    'signed_out',
    'signed_in',
  ]);
  assert.notEqual(one.email, other.email);
  // New recovery codes are shown in the tab where they were made only.
  assert.equal((await second.evaluate(() => vestibule.state.recoveryCodes)).length, 10);
  assert.deepEqual(await first.evaluate(() => vestibule.state.recoveryCodes), []);
  await context.close();
});

test('a step-up in one tab leaves the other signed in', async () => {
  const context = await openContext();
  const [first, second] = [await openTab(context), await openTab(context)];
  const { secret } = await signUp(first);
  await statusOf(second);
  await service.advance(900);
  const code = codeAt(secret, await service.now());
  const made = await first.evaluate((code) => {
    vestibule.prove = (stepUp) => stepUp.withCode(code);
    return vestibule.renewRecoveryCodes();
  }, code);
  assert.equal(made.length, 10);
  assert.equal(await second.evaluate(async () => (await vestibule.sessions()).length), 1);
  assert.equal(await statusOf(second), 'signed_in');
  await context.close();
});

test('a trusted device spares the second factor, by a cookie', async () => {
  const context = await openContext();
  const page = await openTab(context);
  const { email, secret } = await signUp(page);
  await service.advance(30);
  const code = codeAt(secret, await service.now());
  const again = await page.evaluate(
    async ([credentials, code]) => {
      await vestibule.signOut();
      await (await vestibule.signIn(credentials)).verify(code, { trustDevice: true });
      await vestibule.signOut();
      return (await vestibule.signIn(credentials)).status;
    },
    [{ email, password: PASSWORD }, code],
  );
  assert.equal(again, 'authenticated');
  await context.close();
});

test('a user signs in with a provider, and connects it', async () => {
  const context = await openContext();
  const page = await openTab(context);
  const leave = (from, link) =>
    from.evaluate(async (link) => {
      const [provider] = await vestibule.providers();
      const redirectUri = `${location.origin}/account/federation`;
      location.assign(await vestibule.startProviderSignIn(provider.id, { redirectUri, link }));
    }, link);
  await leave(page, false);
  await signInThere({}, page, 'person-1');
  await isBack(page);
  const finished = await page.evaluate(async () => {
    const answer = location.href;
    globalThis.login = await vestibule.finishProviderSignIn();
    const replayed = await vestibule.finishProviderSignIn(answer).catch(({ code }) => code);
    return { status: globalThis.login.status, replayed, search: location.search };
  });
  assert.deepEqual(finished, { status: 'enrolment_required', replayed: 'unknown_sign_in', search: '' });
  const secret = await page.evaluate(async () => (await globalThis.login.createAuthenticator()).secret);
  const code = codeAt(secret, await service.now());
  await page.evaluate((code) => globalThis.login.confirm(code), code);
  assert.equal(await emailOf(page), 'person-1@example.com');

  // A second account connects a user of the same provider, in another browser.
  const elsewhere = await openContext();
  const other = await openTab(elsewhere);
  await signUp(other, 'person-2@example.com');
  await leave(other, true);
  await signInThere({}, other, 'person-2');
  await isBack(other);
  const linked = await other.evaluate(() => vestibule.finishProviderSignIn());
  assert.equal(linked.status, 'linked');
  assert.equal(linked.identity.provider, 'example');
  await elsewhere.close();
  await context.close();
});

test('a user who cancels at the provider, and an answer that this tab did not ask for', async () => {
  const context = await openContext();
  const page = await openTab(context);
  const fails = (search) =>
    page.evaluate((search) => vestibule.finishProviderSignIn(search).catch(({ code }) => code), search);
  const state = await page.evaluate(async () => {
    const redirectUri = `${location.origin}/account/federation`;
    const there = await vestibule.startProviderSignIn('example', { redirectUri });
    return { there, states: Object.keys(sessionStorage) };
  });
  const [key] = state.states;
  const known = key.split('.').at(-1);
  assert.equal(await fails(`${service.url}/?code=stolen&state=of-another-tab`), 'unknown_sign_in');
  assert.equal(await fails(`${service.url}/?error=access_denied&state=${known}`), 'provider_cancelled');
  assert.equal(await fails(`${service.url}/?code=late&state=${known}`), 'unknown_sign_in');
  await context.close();
});

test('a key of the browser binds the session, over reloads and in all tabs', async () => {
  // Proofs have the time of this machine, so this service's clock does not move.
  const moved = service;
  service = await startWithProviders({ SECOND_FACTORS: 'totp' });
  try {
    const context = await openContext();
    const page = await openTab(context, { dpop: true });
    const { email } = await signUp(page);
    const token = await page.evaluate(() => vestibule.accessToken());
    assert.ok(JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString()).cnf.jkt);
    const copied = await fetch(`${service.url}/me`, { headers: { Authorization: `Bearer ${token}` } });
    assert.equal(copied.status, 401);
    await page.reload();
    await start(page, { dpop: true });
    assert.equal(await statusOf(page), 'signed_in');
    const other = await openTab(context, { dpop: true });
    assert.deepEqual(await Promise.all([statusOf(other), statusOf(page)]), ['signed_in', 'signed_in']);
    assert.equal(await emailOf(other), email);
    const why = await page.evaluate(async () => {
      const done = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
      const database = await done(indexedDB.open('vestibule'));
      const { privateKey } = await done(database.transaction('keys').objectStore('keys').get(location.origin));
      return crypto.subtle.exportKey('jwk', privateKey).catch(({ name }) => name);
    });
    assert.equal(why, 'InvalidAccessError');
    // The cookie without the key is worth nothing.
    const cookies = await context.cookies();
    const thief = await openContext();
    await thief.addCookies(cookies);
    assert.equal(await statusOf(await openTab(thief, { dpop: true })), 'signed_out');
    await thief.close();
    await page.evaluate(() => vestibule.signOut());
    await other.waitForFunction(() => vestibule.state.status === 'signed_out');
    await context.close();
  } finally {
    await service.stop();
    service = moved;
  }
});
