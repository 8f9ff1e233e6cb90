// Work in the place of a wait: strangers guess at an account, and its owner signs in from a new network. The browser
// computes, shows that it does, and can be stopped.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { environment } from './environment.mjs';
import { PASSWORD } from './person.mjs';

const story = environment({ TRUSTED_PROXIES: '127.0.0.0/8' });
/** Where to put pictures for a reviewer, if anywhere. */
const PICTURES = process.env.WORK_PICTURES;

/** A network that the owner has not signed in from. @param {number} number */
const network = (number) => ({ 'X-Forwarded-For': `198.51.${number}.1` });
const AWAY = { 'X-Forwarded-For': '192.0.2.7' };

async function send(service, path, body, headers) {
  const all = { 'Content-Type': 'application/json', ...headers };
  return fetch(`${service.url}${path}`, { method: 'POST', headers: all, body: JSON.stringify(body) });
}

/** Makes strangers wait with passwords. */
async function attack({ service, email }) {
  for (let number = 0; number < 20; number += 1) {
    const answer = await send(service, '/login', { email, password: 'wrong horse' }, network(number));
    assert.equal(answer.status, 401);
  }
}

/** Holds what the browser computes until the test lets it go. */
async function hold(person) {
  await person.page.addInitScript(() => {
    const derive = crypto.subtle.deriveBits.bind(crypto.subtle);
    const held = new Promise((release) => Object.assign(globalThis, { release }));
    crypto.subtle.deriveBits = async (...how) => {
      await held;
      return derive(...how);
    };
  });
  await person.page.reload();
}

const letGo = (person) => person.page.evaluate(() => globalThis.release());

async function picture(person, name) {
  if (PICTURES) await person.page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
}

const DESKTOP = { viewport: { width: 900, height: 780 } };
const PHONE = { viewport: { width: 360, height: 760 }, isMobile: true, hasTouch: true };
const GERMAN = { locale: 'de-DE' };

story(
  'the browser computes and signs in by itself',
  async (person) => {
    await person.signUp();
    await person.signOut();
    await attack(person);
    await person.context.setExtraHTTPHeaders(AWAY);
    await person.knock();
    await person.at('Confirm that it is you');
  },
  DESKTOP,
);

for (const [name, options] of [
  ['desktop-light', { ...DESKTOP, colorScheme: 'light' }],
  ['desktop-dark', { ...DESKTOP, colorScheme: 'dark' }],
  ['phone-light', { ...PHONE, colorScheme: 'light' }],
  ['phone-dark', { ...PHONE, colorScheme: 'dark' }],
]) {
  story(
    `what is shown meanwhile (${name}), and that the user can stop it`,
    async (person) => {
      await person.signUp();
      await person.signOut();
      await attack(person);
      await person.context.setExtraHTTPHeaders(AWAY);
      await person.go('login');
      await hold(person);
      await person.fill('E-mail address or user name', person.email);
      await person.fill('Password', PASSWORD);
      await person.press('Sign in');
      await person.sees('Many wrong passwords or codes were entered for this account lately.');
      await picture(person, name);
      const width = await person.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(width <= 0, 'the page is not wider than the screen');
      await person.press('Cancel');
      await letGo(person);
      await person.page.getByRole('progressbar').waitFor({ state: 'detached' });
      await person.at('Sign in');
      // Nothing waits: the next try asks for another challenge.
      await person.press('Sign in');
      await person.at('Confirm that it is you');
    },
    options,
  );
}

story(
  'in German',
  async (person) => {
    await person.signUp();
    await attack(person);
    await person.context.clearCookies();
    await person.context.setExtraHTTPHeaders(AWAY);
    await person.go('login');
    await hold(person);
    await person.fill('E-Mail-Adresse oder Benutzername', person.email);
    await person.fill('Passwort', PASSWORD);
    await person.press('Anmelden');
    await person.sees('rechnet Ihr Browser zuerst etwas aus.');
    await picture(person, 'german');
    await letGo(person);
    await person.at('Bestätigen Sie, dass Sie es sind');
  },
  { ...PHONE, ...GERMAN, colorScheme: 'dark' },
);

story('with a code as well', async (person) => {
  await person.signUp();
  await person.signOut();
  const { service, email } = person;
  for (let number = 0; number < 11; number += 1) {
    const login = await send(service, '/login', { email, password: PASSWORD }, {});
    const { pre_auth_token } = await login.json();
    const answer = await send(service, '/2fa/verify', { pre_auth_token, code: '000000' }, network(number));
    assert.equal(answer.status, 401);
  }
  await person.context.setExtraHTTPHeaders(AWAY);
  await person.knock();
  await person.at('Confirm that it is you');
  await person.fill('Code', await person.code());
  await person.at('Profile');
});
