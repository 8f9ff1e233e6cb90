// The packed packages in a fresh project, in a browser, with a real service and a real back end: the example app of
// @vestibule/react does what its users expect.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { Authenticator } from '../web/authenticator.mjs';
import { AXE, PNG, ROOT, generateSync, jsQR } from '../web/libraries.mjs';
import { PASSWORD, openBrowser } from '../web/person.mjs';
import { startService } from '../web/service.mjs';
import { BackEnd } from './back-end.mjs';
import { Project, freePort } from './project.mjs';

const HOME = `${ROOT}target/package-tests/`;
/** @type {any} */
let service;
/** @type {any} */
let browser;
/** @type {Project} */
let project;
/** @type {BackEnd} */
let backEnd;
let url = '';
let visitors = 0;

before(async () => {
  const port = await freePort();
  url = `http://localhost:${port}`;
  const settings = { LISTEN: 'localhost:0', TRUSTED_PROXIES: '127.0.0.0/8,::1', LINK_BASE_URL: url };
  [service, project, browser] = await Promise.all([startService(settings), Project.make(), openBrowser()]);
  backEnd = await BackEnd.start(service.url, url);
  await project.add('packages/react/example');
  // The client without React, for an empty page of the same origin.
  await cp(join(project.directory, 'node_modules/@vestibule/client/dist'), join(project.directory, 'public/client'), {
    recursive: true,
  });
  await writeFile(join(project.directory, 'public/empty.html'), '<!doctype html><title>App</title>');
  await project.build({ VITE_VESTIBULE_URL: service.url, VITE_BACK_END_URL: backEnd.url });
  await project.serve(port);
});
after(async () => {
  await browser?.close();
  await project?.remove();
  backEnd?.stop();
  await service?.stop();
});

/** A user with a browser. What goes wrong in it fails the test. */
class Visitor {
  static async come(home = url) {
    const context = await browser.newContext({ locale: 'en-GB' });
    context.setDefaultTimeout(15_000);
    const visitor = new Visitor(context, home);
    context.on('page', (page) => {
      page.on('pageerror', (error) => visitor.faults.push(String(error)));
      page.on('request', (request) => visitor.sent.push(new URL(request.url()).pathname));
    });
    visitor.page = await visitor.open();
    return visitor;
  }

  constructor(context, home) {
    this.context = context;
    this.home = home;
    this.email = `visitor-${(visitors += 1)}@example.com`;
    /** @type {string[]} */
    this.faults = [];
    /** The paths of all requests. @type {string[]} */
    this.sent = [];
    this.secret = '';
    /** @type {any} */
    this.page = undefined;
  }

  async open() {
    const page = await this.context.newPage();
    await page.goto(this.home);
    return page;
  }

  /** Opens the link of the newest mail of a kind. */
  async follow(kind) {
    const { link } = await service.message(this.email, kind);
    // Only the fragment may differ from where the page is, and then a browser does not load it again.
    await this.page.goto('about:blank');
    await this.page.goto(link);
  }

  async leave() {
    await this.context.close();
    assert.deepEqual(this.faults, []);
  }

  press(name, page = this.page) {
    return page.getByRole('button', { name, exact: true }).click();
  }

  at(name, page = this.page) {
    return page.getByRole('heading', { name, exact: true }).waitFor();
  }

  says(text, page = this.page) {
    return page.getByText(text, { exact: true }).waitFor();
  }

  fill(label, text, page = this.page) {
    return page.getByLabel(label, { exact: true }).fill(text);
  }

  isHome(page = this.page) {
    return this.at(`Hello, ${this.email}`, page);
  }

  /** Checks what the screen shows by the rules of WCAG 2.2 AA that a program can check. */
  async inspect() {
    await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate(() => {
      return globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] });
    });
    assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`), []);
  }

  /** A code that was never used. */
  async code() {
    await service.advance(30);
    return generateSync({ secret: this.secret, epoch: Math.floor(await service.now()) });
  }

  /** Registers with an authenticator app, and stores the recovery codes. */
  async signUp() {
    await this.setUp();
    await this.press('I have stored the codes');
    await this.isHome();
  }

  /** Registers, and sees the recovery codes. */
  async setUp() {
    await this.press('Create an account');
    await this.fill('E-mail address', this.email);
    await this.fill('Password', PASSWORD);
    await this.press('Create an account');
    await this.at('Set up your second factor');
    this.secret = await this.scan();
    await this.fill('Code that the app shows', await this.code());
    await this.at('Recovery codes');
    this.codes = await this.page.locator('[data-part=codes] li').allInnerTexts();
  }

  /** Reads the QR code from the screen, as a phone does. */
  async scan() {
    const picture = PNG.sync.read(await this.page.getByAltText('QR code for your authenticator app').screenshot());
    const found = jsQR(new Uint8ClampedArray(picture.data), picture.width, picture.height);
    assert.ok(found, 'the QR code cannot be read from the screen');
    return new URL(found.data).searchParams.get('secret');
  }

  /** Has an authenticator from now on, which chooses a suggestion at once if the browser `suggests` passkeys. */
  async getsAuthenticator(suggests = false) {
    const authenticator = await Authenticator.of(this, suggests);
    await this.page.reload();
    return authenticator;
  }

  async enterPassword(password = PASSWORD) {
    await this.fill('E-mail address or user name', this.email);
    await this.fill('Password', password);
    await this.press('Sign in');
  }

  async signIn() {
    await this.enterPassword();
    await this.at('Confirm that it is you');
    await this.fill('Code', await this.code());
    await this.isHome();
  }
}

/** @param {string} name @param {(visitor: Visitor) => Promise<void>} play */
function story(name, play) {
  test(name, { timeout: 120_000 }, async () => {
    const visitor = await Visitor.come();
    try {
      await play(visitor);
    } catch (error) {
      console.error(visitor.faults, await visitor.page.locator('body').innerText());
      throw error;
    }
    await visitor.leave();
  });
}

story('a user registers, stores the recovery codes, and stays signed in after a reload', async (user) => {
  await user.at('Sign in');
  await user.signUp();
  assert.equal(user.codes.length, 10);
  await user.page.reload();
  await user.isHome();
  assert.equal(await user.page.evaluate(() => document.cookie), '');
  assert.equal(await user.page.evaluate(() => localStorage.length + sessionStorage.length), 0);
});

story('a reload that loses recovery codes is told, and new ones are made', async (user) => {
  await user.setUp();
  await user.page.reload();
  await user.at('Recovery codes');
  await user.page.getByText('Recovery codes were made for you in this browser.').waitFor();
  await user.inspect();
  // A signed-out user is not asked, and neither is another one.
  await user.press('Make new codes');
  await user.page.locator('[data-part=codes] li').first().waitFor();
  const codes = await user.page.locator('[data-part=codes] li').allInnerTexts();
  assert.ok(codes.length === 10 && codes.every((code) => !user.codes.includes(code)));
  await user.press('I have stored the codes');
  await user.isHome();
  await user.page.reload();
  await user.isHome();
  assert.equal(await user.page.evaluate(() => localStorage.length), 0);
});

story('codes that were stored before the reload are confirmed after it, in all tabs', async (user) => {
  await user.setUp();
  const other = await user.open();
  await user.at('Recovery codes', other);
  await user.page.reload();
  await user.press('I have stored the codes');
  await user.isHome();
  await user.isHome(other);
});

story('the reminder of recovery codes is for their owner', async (user) => {
  await user.setUp();
  await user.page.evaluate(() => localStorage.setItem('vestibule-unstored-codes', 'another user'));
  await user.page.reload();
  await user.isHome();
  assert.equal(await user.page.evaluate(() => localStorage.getItem('vestibule-unstored-codes')), 'another user');
});

story('a mailed link verifies the address of the user who is signed in', async (user) => {
  await user.signUp();
  await user.follow('email_verification');
  await user.at('Confirm your e-mail address');
  assert.equal(new URL(user.page.url()).hash, '');
  await user.inspect();
  await user.press('Confirm your e-mail address');
  await user.says('Your e-mail address is confirmed.');
  // Once when the page was loaded, to see whether the link works, and once by the button.
  assert.equal(user.sent.filter((path) => path === '/email/verify').length, 2);
  await user.press('Sign in instead');
  await user.isHome();
  assert.ok((await service.call('GET', '/me', undefined, await tokenOf(user))).email_verified);
});

story('elsewhere the password proves whose address it is', async (user) => {
  await user.signUp();
  const phone = await Visitor.come();
  phone.email = user.email;
  await phone.follow('email_verification');
  await phone.press('Confirm your e-mail address');
  await phone.says('Enter the password of the account, to show that it is yours.');
  await phone.inspect();
  await phone.fill('Password', 'wrong horse');
  await phone.press('Confirm your e-mail address');
  await phone.says('The name or the password is wrong.');
  await phone.fill('Password', PASSWORD);
  await phone.press('Confirm your e-mail address');
  await phone.says('Your e-mail address is confirmed.');
  await phone.leave();
});

/** Verifies the address, so that mails with links to sign in go to it. */
async function verifyAddress(user) {
  await user.follow('email_verification');
  await user.press('Confirm your e-mail address');
  await user.says('Your e-mail address is confirmed.');
  await user.press('Sign in instead');
  await user.isHome();
  await user.press('Sign out');
  await user.at('Sign in');
}

story('a mailed link sets a new password, once', async (user) => {
  await user.signUp();
  await verifyAddress(user);
  await user.press('Forgot your password?');
  await user.fill('E-mail address', user.email);
  await user.press('Continue');
  await user.follow('password_reset');
  await user.at('Set a new password');
  await user.inspect();
  await user.fill('Password', 'password1');
  await user.press('Set a new password');
  await user.says('This password is too short or too easy to guess.');
  await user.fill('Password', 'grüne Fenster im Regen');
  await user.press('Set a new password');
  await user.says('The new password is set. Sign in with it.');
  // Nothing was pressed yet when the page says that the link no longer works.
  await user.follow('password_reset');
  await user.says('This link does not work: it is too old, was used, or was replaced by a newer one.');
  assert.equal(await user.page.getByLabel('Password').count(), 0);
  await user.press('Sign in instead');
  await user.enterPassword('grüne Fenster im Regen');
  await user.at('Confirm that it is you');
});

story('a mailed link signs in, after a button and the second factor', async (user) => {
  await user.signUp();
  await verifyAddress(user);
  await user.press('Mail me a link to sign in');
  await user.fill('E-mail address', user.email);
  await user.press('Continue');
  await user.follow('magic_link');
  await user.at('Sign in by e-mail');
  await user.inspect();
  assert.ok(!user.sent.includes('/magic-link/verify'));
  await user.press('Sign in');
  await user.at('Confirm that it is you');
  await user.fill('Code', await user.code());
  await user.isHome();
  await user.follow('magic_link');
  await user.press('Sign in');
  await user.says('This link does not work: it is too old, was used, or was replaced by a newer one.');
});

story('a mailed link cancels a change of the address', async (user) => {
  await user.signUp();
  await user.follow('email_verification');
  await user.press('Confirm your e-mail address');
  await user.says('Your e-mail address is confirmed.');
  await user.press('Sign in instead');
  await user.isHome();
  const token = await tokenOf(user);
  await service.call('POST', '/email/change', { email: `new-${user.email}` }, token);
  await user.follow('email_change_requested');
  await user.at('Keep your e-mail address');
  await user.inspect();
  await user.press('Keep your e-mail address');
  await user.page.getByText('Your e-mail address stays as it is').waitFor();
  await assert.rejects(service.call('GET', '/me', undefined, token), /: 401 /);
});

story('a page without a token says that the link does not work', async (user) => {
  await user.page.goto(`${url}/reset-password`);
  await user.says('This link does not work: it is too old, was used, or was replaced by a newer one.');
});

story('every screen can be read and used by all', async (user) => {
  await user.at('Sign in');
  await user.inspect();
  await user.press('Forgot your password?');
  await user.inspect();
  await user.press('Back');
  await user.press('Create an account');
  await user.fill('E-mail address', user.email);
  await user.fill('Password', 'password1');
  await user.press('Create an account');
  await user.says('This password is too short or too easy to guess.');
  await user.inspect();
  await user.fill('Password', PASSWORD);
  await user.press('Create an account');
  await user.at('Set up your second factor');
  await user.inspect();
  user.secret = await user.scan();
  await user.fill('Code that the app shows', await user.code());
  await user.at('Recovery codes');
  await user.inspect();
  await user.press('I have stored the codes');
  await user.says('This session');
  await user.inspect();
  await service.advance(600);
  await user.press('New recovery codes');
  await user.page.getByRole('dialog').waitFor();
  assert.equal(await user.page.getByRole('dialog').evaluate((dialog) => dialog.contains(document.activeElement)), true);
  await user.inspect();
  await user.press('Cancel');
  await user.press('Sign out');
  await user.enterPassword();
  await user.at('Confirm that it is you');
  await user.inspect();
});

story('a wrong password and a wrong code are told, and can be corrected', async (user) => {
  await user.signUp();
  await user.press('Sign out');
  await user.at('Sign in');
  await user.enterPassword('wrong horse');
  await user.says('The name or the password is wrong.');
  await user.enterPassword();
  await user.at('Confirm that it is you');
  const attempts = user.sent.filter((path) => path === '/2fa/verify').length;
  await user.fill('Code', '000000');
  await user.says('The code is wrong, too old, or was used already.');
  // The form was sent by its last digit. What users do then costs no second attempt.
  await user.page.getByLabel('Code', { exact: true }).press('Enter');
  await user.press('Continue');
  assert.equal(user.sent.filter((path) => path === '/2fa/verify').length, attempts + 1);
  await user.fill('Code', await user.code());
  await user.isHome();
});

story('a login that took too long begins again', async (user) => {
  await user.signUp();
  await user.press('Sign out');
  await user.enterPassword();
  await user.at('Confirm that it is you');
  await service.advance(3600);
  await user.fill('Code', await user.code());
  await user.says('That took too long. Sign in again.');
  await user.signIn();
});

story('a user signs in with a recovery code', async (user) => {
  await user.signUp();
  await user.press('Sign out');
  await user.enterPassword();
  await user.page.getByText('Other ways').click();
  await user.press('Recovery code');
  await user.fill('Recovery code', user.codes[3]);
  await user.press('Continue');
  await user.isHome();
});

story('two tabs share a session: they refresh once, and sign in and out together', async (user) => {
  await user.signUp();
  const other = await user.open();
  await user.isHome(other);
  const refreshes = () => user.sent.filter((path) => path === '/token/refresh').length;
  for (let turn = 0; turn < 3; turn += 1) {
    await service.advance(700);
    const before = refreshes();
    // Both tokens have expired. Both tabs send something at the same moment.
    await Promise.all([user.press('New recovery codes'), user.press('New recovery codes', other)]);
    await Promise.all([user.page, other].map((page) => page.getByRole('dialog').waitFor()));
    assert.equal(refreshes() - before, 1);
    await user.press('Cancel');
    await user.press('Cancel', other);
    await user.says('Nothing was changed.', other);
  }
  await user.press('Sign out', other);
  await user.at('Sign in');
  await user.signIn();
  await user.isHome(other);
});

/** Signs another user in on a page of the service, in the browser of the first. Returns the other one's address. */
async function signInOnAccountPages(user) {
  const other = await Visitor.come();
  await other.signUp();
  const page = await user.context.newPage();
  await page.goto(`${service.url}/account/`);
  await page.evaluate(
    async ([email, password, code]) => {
      const post = async (path, body) => {
        const headers = { 'Content-Type': 'application/json' };
        const answer = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
        if (!answer.ok) throw new Error(await answer.text());
        return answer.json();
      };
      const { pre_auth_token } = await post('/login', { email, password });
      await post('/2fa/verify', { pre_auth_token, code, delivery: 'cookie' });
    },
    [other.email, PASSWORD, other.codes[0]],
  );
  await page.close();
  await other.leave();
  return other.email;
}

/** Returns the access token of the page. */
async function tokenOf(user) {
  const asked = user.page.waitForRequest((request) => request.url() === `${service.url}/me`);
  await user.page.reload();
  await user.isHome();
  return (await asked).headers().authorization.split(' ')[1];
}

story('a sign-out in an old tab ends the session that the tab shows, not that of another user', async (user) => {
  await user.signUp();
  const token = await tokenOf(user);
  user.email = await signInOnAccountPages(user);
  await user.press('Sign out');
  await user.isHome();
  await assert.rejects(service.call('GET', '/me', undefined, token), /: 401 /);
  await user.page.reload();
  await user.isHome();
  // The other user is the user of the page now.
  const others = await tokenOf(user);
  await user.press('Sign out');
  await user.at('Sign in');
  await assert.rejects(service.call('GET', '/me', undefined, others), /: 401 /);
  await user.page.reload();
  await user.at('Sign in');
});

story('a fresh proof in an old tab takes no session from another user', async (user) => {
  await user.signUp();
  await service.advance(330);
  const other = await signInOnAccountPages(user);
  await user.press('New recovery codes');
  const dialog = user.page.getByRole('dialog');
  await dialog.getByLabel('Code', { exact: true }).fill(await user.code());
  user.email = other;
  await user.isHome();
  await dialog.waitFor({ state: 'hidden' });
  await user.page.reload();
  await user.isHome();
});

test('a page of another origin binds its session to a key', { timeout: 60_000 }, async () => {
  // Proofs have the time of this machine, so this service's clock does not move.
  const still = await startService({ LISTEN: 'localhost:0' });
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const open = async () => {
      await page.goto(`${url}/empty.html`);
      await page.evaluate(async (base) => {
        const { Vestibule } = await import(String('/client/index.js'));
        Object.assign(globalThis, { vestibule: new Vestibule(base, { dpop: true }) });
      }, still.url);
    };
    await open();
    const secret = await page.evaluate(async (password) => {
      globalThis.login = await vestibule.register({ email: 'bound@example.com', password });
      return (await globalThis.login.createAuthenticator()).secret;
    }, PASSWORD);
    const code = generateSync({ secret, epoch: Math.floor(Date.now() / 1000) });
    await page.evaluate((code) => globalThis.login.confirm(code), code);
    await open();
    assert.equal(await page.evaluate(async () => (await vestibule.restore()).status), 'signed_in');
    const token = await page.evaluate(() => vestibule.accessToken());
    assert.ok(JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString()).cnf.jkt);
    await page.evaluate(() => vestibule.signOut());
    await open();
    assert.equal(await page.evaluate(async () => (await vestibule.restore()).status), 'signed_out');
  } finally {
    await context.close();
    await still.stop();
  }
});

story('a sensitive change and a payment need a fresh proof', async (user) => {
  await user.signUp();
  await service.advance(600);
  await user.press('New recovery codes');
  const dialog = user.page.getByRole('dialog');
  await dialog.getByLabel('Code', { exact: true }).fill('000000');
  await dialog.getByText('The code is wrong, too old, or was used already.').waitFor();
  await dialog.getByLabel('Code', { exact: true }).fill(await user.code());
  await user.at('Recovery codes');
  const codes = await user.page.locator('[data-part=codes] li').allInnerTexts();
  assert.equal(codes.length, 10);
  assert.ok(codes.every((code) => !user.codes.includes(code)));
  await user.press('I have stored the codes');
  // The back end demands a newer proof than that.
  await service.advance(60);
  await backEnd.follow(service);
  backEnd.oldestProof = Math.floor(await service.now());
  await user.press('Pay');
  await dialog.waitFor();
  await user.page.keyboard.press('Escape');
  await user.says('Nothing was changed.');
  await user.press('Pay');
  await dialog.getByLabel('Code', { exact: true }).fill(await user.code());
  await user.says('Paid.');
});

story('a user adds a passkey, and signs in with it alone, and as a second factor', async (user) => {
  await user.getsAuthenticator();
  await user.signUp();
  await user.press('Add a passkey');
  await user.says('Added My passkey.');
  await user.press('Sign out');
  await user.press('Sign in with a passkey');
  await user.isHome();
  await user.press('Sign out');
  await user.enterPassword();
  await user.at('Confirm that it is you');
  await user.press('Use the passkey');
  await user.isHome();
});

story('a browser suggests a passkey in the field of the name', async (user) => {
  await user.getsAuthenticator(true);
  await user.signUp();
  await user.press('Add a passkey');
  await user.says('Added My passkey.');
  // The user of this authenticator chooses the suggestion as soon as there is one.
  const signedIn = user.page.waitForResponse(`${service.url}/passkey/verify`);
  await user.press('Sign out');
  assert.equal((await signedIn).status(), 200);
  await user.isHome();
});

story('an account without a password', async (user) => {
  await user.getsAuthenticator();
  await user.press('Create an account');
  await user.fill('E-mail address', user.email);
  await user.page.getByLabel('Use a passkey instead').check();
  await user.press('Create an account');
  await user.press('Create a passkey');
  await user.says('The passkey is ready. Use it to sign in.');
  assert.equal(await user.page.locator('[data-part=codes] li').count(), 10);
  await user.press('I have stored the codes');
  await user.isHome();
});

story('a cancelled passkey is told', async (user) => {
  const authenticator = await user.getsAuthenticator();
  await user.signUp();
  await user.press('Add a passkey');
  await user.says('Added My passkey.');
  await user.press('Sign out');
  await authenticator.verifies(false);
  await user.press('Sign in with a passkey');
  await user.says('No passkey was used.');
});

story('a user ends the other sessions', async (user) => {
  await user.signUp();
  const { email, page } = user;
  const elsewhere = await Visitor.come();
  Object.assign(elsewhere, { email, secret: user.secret });
  await elsewhere.signIn();
  await page.reload();
  await page.getByRole('listitem').nth(1).waitFor();
  await user.press('Sign out there');
  await page.getByRole('listitem').nth(1).waitFor({ state: 'detached' });
  await user.says('This session');
  await elsewhere.page.reload();
  await elsewhere.at('Sign in');
  await elsewhere.leave();
});

story('the browser computes while strangers have to wait', async (user) => {
  await user.signUp();
  await user.press('Sign out');
  const { email } = user;
  for (let number = 0; number < 20; number += 1) {
    const headers = { 'Content-Type': 'application/json', 'X-Forwarded-For': `198.51.${number}.1` };
    const body = JSON.stringify({ email, password: 'wrong horse' });
    assert.equal((await fetch(`${service.url}/login`, { method: 'POST', headers, body })).status, 401);
  }
  // The user comes from a network that is not known.
  await user.context.route(`${service.url}/login`, (route) =>
    route.continue({ headers: { ...route.request().headers(), 'x-forwarded-for': '192.0.2.7' } }),
  );
  await user.page.evaluate(() => {
    const derive = crypto.subtle.deriveBits.bind(crypto.subtle);
    const held = new Promise((release) => Object.assign(globalThis, { release }));
    let made = 0;
    crypto.subtle.deriveBits = async (...how) => {
      if ((made += 1) > 64) await held;
      return derive(...how);
    };
  });
  await user.enterPassword();
  await user.page.getByText('Your device computes').waitFor();
  await user.press('Cancel');
  await user.page.evaluate(() => globalThis.release());
  await user.page.getByText('Your device computes').waitFor({ state: 'hidden' });
  await user.enterPassword();
  await user.at('Confirm that it is you');
});

const RENDER = `
  import { createElement as h } from 'react';
  import { renderToString } from 'react-dom/server';
  import { Vestibule } from '@vestibule/client';
  import { Register, RequireSession, SignIn, StepUpDialog, VestibuleProvider } from '@vestibule/react';
  const client = new Vestibule('https://auth.example.com');
  const gate = h(RequireSession, { fallback: h(SignIn), loading: 'loading' }, 'home');
  for (const child of [gate, h(SignIn), h(Register), h(StepUpDialog)]) {
    console.log(renderToString(h(VestibuleProvider, { client }, child)));
  }
`;

function renders(stdout) {
  const [gate, signIn, register, dialog] = stdout.trim().split('\n');
  assert.equal(gate, 'loading');
  assert.match(signIn, /autocomplete="username"/i);
  assert.match(signIn, /autocomplete="current-password"/i);
  assert.match(register, /autocomplete="new-password"/i);
  assert.match(dialog, /^<dialog /);
}

test('the components render on a server', async () => {
  renders((await project.run(process.execPath, '--input-type=module', '--eval', RENDER)).stdout);
});

test('each text can be replaced by itself', async () => {
  const program = `
    import { createElement as h } from 'react';
    import { renderToString } from 'react-dom/server';
    import { Vestibule } from '@vestibule/client';
    import { SignIn, VestibuleProvider, describeError, useTexts } from '@vestibule/react';
    import { VestibuleError } from '@vestibule/client';
    const client = new Vestibule('https://auth.example.com');
    const texts = { signIn: 'Anmelden', problems: { invalid_code: 'Der Code ist falsch.' }, methods: { sms: 'SMS' } };
    function Shown() {
      const texts = useTexts();
      const tell = (code) => describeError(new VestibuleError(code, 'for the log'), texts);
      return [tell('invalid_code'), tell('invalid_credentials'), texts.methods.sms, texts.methods.totp].join('|');
    }
    for (const child of [h(SignIn), h(Shown)]) {
      console.log(renderToString(h(VestibuleProvider, { client, texts }, child)));
    }
  `;
  const { stdout } = await project.run(process.execPath, '--input-type=module', '--eval', program);
  const [signIn, shown] = stdout.trim().split('\n');
  assert.match(signIn, /<h2>Anmelden<\/h2>.*Password/);
  assert.equal(shown, 'Der Code ist falsch.|The name or the password is wrong.|SMS|Authenticator app');
});

test('the app works in a browser with the oldest React that the package allows', { timeout: 120_000 }, async () => {
  const out = 'dist-18';
  await project.bundleWith(HOME, ['react', 'react-dom'], out);
  const scripts = (await readdir(join(project.directory, out, 'assets'))).filter((name) => name.endsWith('.js'));
  const text = await readFile(join(project.directory, out, 'assets', scripts[0]), 'utf8');
  assert.ok(scripts.length === 1 && text.includes('18.2.0') && !/["'`]19\.\d+\.\d+/.test(text), 'another React');
  const visitor = await Visitor.come(await project.serve(await freePort(), out));
  await visitor.signUp();
  await visitor.page.reload();
  await visitor.isHome();
  // The dialog for a fresh proof, and what waits for it.
  await service.advance(600);
  await visitor.press('New recovery codes');
  await visitor.page.getByRole('dialog').getByLabel('Code', { exact: true }).fill(await visitor.code());
  await visitor.at('Recovery codes');
  await visitor.press('I have stored the codes');
  await visitor.press('Sign out');
  await visitor.signIn();
  await visitor.leave();
});

test('they render with the oldest React that they allow', async () => {
  // React is found in the folder above.
  const older = await mkdtemp(`${HOME}react-18-`);
  try {
    const installed = 'node_modules/@vestibule';
    await cp(join(project.directory, installed), join(older, installed), { recursive: true });
    const words = ['--input-type=module', '--eval', `import { version } from 'react'; console.log(version); ${RENDER}`];
    const { stdout } = await promisify(execFile)(process.execPath, words, { cwd: older });
    assert.ok(stdout.startsWith('18.2.0\n'));
    renders(stdout.slice(stdout.indexOf('\n') + 1));
  } finally {
    await rm(older, { recursive: true, force: true });
  }
});

test('the sources of the client compile under the settings of the template', async () => {
  await cp(`${HOME}checkout/packages/client/src`, join(project.directory, 'src/client'), { recursive: true });
  await project.run('npx', 'tsc', '--build');
});

test('the packages have the version of the service', async () => {
  const { info } = JSON.parse(await readFile(`${ROOT}openapi/openapi.json`, 'utf8'));
  for (const name of ['client', 'react']) {
    const described = JSON.parse(await readFile(`${ROOT}packages/${name}/package.json`, 'utf8'));
    assert.equal(described.version, info.version);
  }
});
