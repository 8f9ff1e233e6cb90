// A user with a browser and a phone. It records all the time what no page may cause: script errors, warnings of the
// browser, requests to other hosts.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';

import { PNG, chromium, generateSync, jsQR } from './libraries.mjs';
import { LANGUAGES, textsIn } from './texts.mjs';

const EXECUTABLE =
  process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path));
/** The browser's message for an error answer. Pages handle such answers, and other tests check how. */
const ERROR_ANSWER = /^Failed to load resource: the server responded with a status of (4\d\d|50[23]) /;

export const PASSWORD = 'korrekt pferd batterie';

export async function openBrowser() {
  return chromium.launch({
    executablePath: EXECUTABLE,
    // Chromium's sandbox does not work for root, as which tests run in containers.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
}

/** What the pages of a registration say. @param {(key: string) => string} t the texts of a language */
function registrationTexts(t) {
  return {
    email: t('email'),
    password: t('password'),
    submit: t('register.submit'),
    setUp: t('set_up.title'),
    code: t('set_up.code'),
    recoveryCodes: t('recovery_codes.title'),
    saved: t('recovery_codes.saved'),
    next: t('continue'),
    profile: t('profile.title'),
  };
}

let persons = 0;

export class Person {
  /** @param {object} options of the browser's context, such as its language */
  static async meet(browser, service, options = {}) {
    const context = await browser.newContext({ locale: 'en-GB', ...options });
    context.setDefaultTimeout(20_000);
    const person = new Person(service, context);
    const language = options.locale?.split('-')[0];
    person.texts = registrationTexts(await textsIn(LANGUAGES.includes(language) ? language : 'en'));
    context.on('page', (page) => person.#watch(page));
    person.page = await context.newPage();
    return person;
  }

  /** @type {ReturnType<typeof registrationTexts>} */
  texts;

  constructor(service, context) {
    this.service = service;
    this.context = context;
    this.email = `person-${(persons += 1)}@example.com`;
    /** What went wrong in the browser. @type {string[]} */
    this.faults = [];
    /** The origins that the browser may send requests to. */
    this.origins = new Set([new URL(service.url).origin]);
  }

  #watch(page) {
    page.on('pageerror', (error) => this.faults.push(`page error: ${error.stack ?? error}`));
    page.on('console', (message) => {
      const serious = ['error', 'warning', 'assert'].includes(message.type());
      const answered = ERROR_ANSWER.test(message.text()) && message.location().url.startsWith(`${this.service.url}/`);
      if (serious && !answered) this.faults.push(`console: ${message.text()} (${message.location().url})`);
    });
    page.on('request', (request) => {
      const { protocol, origin } = new URL(request.url());
      if (!['data:', 'blob:'].includes(protocol) && !this.origins.has(origin)) {
        this.faults.push(`request to ${request.url()}`);
      }
    });
  }

  /** The user visits another site, too. @param {string} url */
  visits(url) {
    this.origins.add(new URL(url).origin);
  }

  async leave() {
    await this.context.close();
    assert.deepEqual(this.faults, []);
  }

  async go(name) {
    await this.page.goto(this.service.page(name));
  }

  /** Waits until a page with this heading is shown. */
  async at(heading, page = this.page) {
    await page.getByRole('heading', { level: 1, name: heading, exact: true }).waitFor();
  }

  async sees(text, page = this.page) {
    await page.getByText(text).first().waitFor();
  }

  /** Presses a button, in a part of the page if one is given. */
  async press(name, within = this.page) {
    await within.getByRole('button', { name, exact: true }).first().click();
  }

  async follow(name) {
    await this.page.getByRole('link', { name, exact: true }).first().click();
  }

  async fill(label, text, within = this.page) {
    await within.getByLabel(label, { exact: true }).first().fill(text);
  }

  /** Returns the part of a page with a heading. */
  part(heading) {
    return this.page.locator('section', {
      has: this.page.getByRole('heading', { level: 2, name: heading, exact: true }),
    });
  }

  /** Scans the QR code, as a phone does: from what the screen shows. Returns the secret. */
  async scan() {
    const picture = PNG.sync.read(await this.page.locator('img.qr').screenshot());
    const code = jsQR(new Uint8ClampedArray(picture.data), picture.width, picture.height);
    assert.ok(code, 'the QR code cannot be read from the screen');
    const uri = new URL(code.data);
    assert.equal(uri.protocol, 'otpauth:');
    const secret = uri.searchParams.get('secret');
    const typed = await this.page.locator('code.secret').innerText();
    assert.equal(typed.replaceAll(' ', ''), secret, 'the key to type is not that of the QR code');
    return secret;
  }

  /** Returns a code that was never used: the phone's next one. */
  async code(secret = this.secret) {
    await this.service.advance(30);
    return generateSync({ secret, epoch: Math.floor(await this.service.now()) });
  }

  /** Registers with the pages and signs in. */
  async signUp() {
    await this.register();
    await this.setUp();
    await this.at(this.texts.profile);
  }

  /** Registers an account. */
  async register() {
    await this.go('register');
    await this.fillRegistration();
  }

  /** Sends the form of a registration. */
  async fillRegistration() {
    await this.fill(this.texts.email, this.email);
    await this.fill(this.texts.password, PASSWORD);
    await this.press(this.texts.submit);
  }

  /** Sets up the authenticator after a registration, and saves the recovery codes. */
  async setUp() {
    await this.at(this.texts.setUp);
    this.secret = await this.scan();
    await this.confirm();
    await this.at(this.texts.recoveryCodes);
    this.recoveryCodes = await this.page.locator('ol.codes li').allInnerTexts();
    await this.keepCodes();
  }

  /** Enters the first code of an authenticator. */
  async confirm(secret = this.secret) {
    await this.fill(this.texts.code, await this.code(secret));
  }

  /** Confirms that the recovery codes are saved. */
  async keepCodes() {
    await this.page.getByLabel(this.texts.saved).check();
    await this.press(this.texts.next);
  }

  /** Verifies the address, as from another browser. */
  async proveAddress() {
    const { token } = await this.service.message(this.email, 'email_verification');
    await this.service.call('POST', '/email/verify', { token, password: PASSWORD });
  }

  /** Enters name and password. */
  async knock(password = PASSWORD, name = this.email) {
    await this.go('login');
    await this.fill('E-mail address or user name', name);
    await this.fill('Password', password);
    await this.press('Sign in');
  }

  async logIn(password = PASSWORD) {
    await this.knock(password);
    await this.at('Confirm that it is you');
    await this.fill('Code', await this.code());
    await this.at('Profile');
  }

  async signOut() {
    await this.press('Sign out');
    await this.at('Sign in');
  }
}
