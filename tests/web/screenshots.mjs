// Takes pictures of the account pages:
//
//   node tests/web/screenshots.mjs                        those in docs/screenshots
//   node tests/web/screenshots.mjs --all [LANGUAGE …]     every state, on a phone and a desktop, light and dark, in
//                                                         English and German or the languages that are named, into
//                                                         target/screenshots
//   node tests/web/screenshots.mjs --console [LANGUAGE …] the same of the console alone
//
// The pictures have the fonts of this machine.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { populate, walkConsole } from './console-gallery.mjs';
import { walk } from './gallery.mjs';
import { ROOT } from './libraries.mjs';
import { PASSWORD, Person, openBrowser } from './person.mjs';
import { meetProviders, signInThere, startWithProviders } from './providers.mjs';
import { startService } from './service.mjs';
import { becomeAdministrator, visit } from './administrator.mjs';
import { consoleTextsIn, textsIn } from './texts.mjs';

const SIZES = {
  desktop: { viewport: { width: 1280, height: 860 } },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 1.5, isMobile: true, hasTouch: true },
};

const browser = await openBrowser();
const [choice, ...languages] = process.argv.slice(2);
const target = join(ROOT, 'target/screenshots');
if (choice === '--all') await takeAll(target, languages, [accountPages, pagesOfProviders, consolePages]);
else if (choice === '--console') await takeAll(target, languages, [consolePages]);
else {
  await takeForReadme(join(ROOT, 'docs/screenshots'));
  await takeConsole(join(ROOT, 'docs/screenshots'));
}
await browser.close();

/**
 * Some of the pages: the service that has them, and a walk through them in a language.
 * @typedef {(language: string) => Promise<[() => Promise<any>, (person: any, take: (name: string) => Promise<void>) => Promise<void>]>} Pages
 */

/** @type {Pages} */
async function accountPages(language) {
  const t = await textsIn(language);
  // Browsers offer passkeys for names, not for addresses.
  return [() => startService({ LISTEN: 'localhost:0' }), (person, take) => walk(person, t, take)];
}

/** @type {Pages} */
async function pagesOfProviders(language) {
  const t = await textsIn(language);
  return [startWithProviders, (person, take) => providers(person, t, take)];
}

/** @type {Pages} */
async function consolePages(language) {
  const t = await consoleTextsIn(language);
  return [startService, (person, take) => walkConsole(person, t, take)];
}

/** Takes every state of some pages. @param {string} target @param {string[]} languages @param {Pages[]} all */
async function takeAll(target, languages, all) {
  await mkdir(target, { recursive: true });
  for (const language of languages.length > 0 ? languages : ['en', 'de']) {
    for (const [size, options] of Object.entries(SIZES)) {
      for (const pages of all) {
        const [start, way] = await pages(language);
        const service = await start();
        const person = await Person.meet(browser, service, { ...options, locale: language, reducedMotion: 'reduce' });
        await way(person, (name) => takeBoth(person, join(target, `${name}-${language}-${size}`)));
        await person.leave();
        await service.stop();
      }
    }
  }
}

/** Takes a page in light and in dark. @param {any} person @param {string} path without its end */
async function takeBoth({ page }, path) {
  for (const colorScheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: `${path}-${colorScheme}.png`, fullPage: true });
  }
}

/** The pages of a sign-in with an account of another service. @type {typeof walk} */
async function providers(person, t, take) {
  const [example, offline] = [{ name: 'Example' }, { name: 'Offline Inc.' }];
  await meetProviders(person);
  const email = 'other@example.com';
  await person.service.call('POST', '/register', { email, password: PASSWORD });
  const { link } = await person.service.message(email, 'email_verification');
  for (const [name, url] of [
    ['login', person.service.page('login')],
    ['register', person.service.page('register')],
    ['verify-email', link],
  ]) {
    await person.page.goto(url);
    await person.page.getByRole('button', { name: t('federation.continue', example) }).waitFor();
    await take(`federation-${name}`);
  }
  await person.go('login');
  await person.press(t('federation.continue', offline));
  await person.sees(t('federation.provider_unavailable', offline));
  await take('federation-down');
  await person.press(t('federation.continue', example));
  await person.page.getByText('[ Cancel ]').click();
  await person.at(t('federation.denied', example));
  await take('federation-denied');
  await person.signUp();
  await person.proveAddress();
  await person.press(t('sign_out'));
  await person.press(t('federation.continue', example));
  await signInThere(person);
  await person.at(t('federation.link_required'));
  await take('federation-account-exists');
  await person.press(t('federation.link_required_next', example));
  await person.sees(t('federation.connect_first', example));
  await take('federation-sign-in-first');
  await person.fill(t('login.name'), person.email);
  await person.fill(t('password'), PASSWORD);
  await person.press(t('login.submit'));
  await person.at(t('second_factor.title'));
  await person.fill(t('factor.totp.code'), await person.code());
  await person.at(t('federation.question', example));
  await take('federation-question');
  await person.press(t('federation.connect', example));
  await person.at(t('federation.connected', example));
  await take('federation-connected');
  await person.follow(t('security.title'));
  await person.page.getByText(t('identities.disconnect', example)).click();
  await take('federation-security');
}

/** Takes the pictures of the README: one user on a desktop, in English and light, and on a phone, in German and dark. */
async function takeForReadme(target) {
  const service = await startService({ LISTEN: 'localhost:0', APP_NAME: 'Example' });
  const large = { viewport: { width: 900, height: 780 }, reducedMotion: 'reduce' };
  const desktop = await Person.meet(browser, service, large);
  const phone = await Person.meet(browser, service, { ...SIZES.phone, colorScheme: 'dark', locale: 'de-DE' });
  const take = (person, name) => person.page.screenshot({ path: join(target, `${name}.png`) });
  const german = await textsIn('de');

  desktop.email = 'jo@example.com';
  await desktop.go('login');
  await desktop.at('Sign in');
  await take(desktop, 'login');
  await desktop.register();
  await desktop.at(desktop.texts.setUp);
  await take(desktop, 'set-up');
  desktop.secret = await desktop.scan();
  await desktop.confirm();
  await desktop.at(desktop.texts.recoveryCodes);
  await take(desktop, 'recovery-codes');
  await desktop.keepCodes();
  await desktop.at(desktop.texts.profile);

  await phone.go('login');
  await phone.at(german('login.title'));
  await phone.fill(german('login.name'), desktop.email);
  await phone.fill(german('password'), PASSWORD);
  await phone.press(german('login.submit'));
  await phone.at(german('second_factor.title'));
  await take(phone, 'second-factor-phone');
  await phone.fill(german('factor.totp.code'), await desktop.code());
  await phone.at(german('profile.title'));

  await desktop.follow('Sessions');
  await desktop.at('Sessions');
  await take(desktop, 'sessions');
  await desktop.follow('Security');
  await desktop.at('Security');
  await take(desktop, 'security');

  await desktop.leave();
  await phone.leave();
  await service.stop();
}

/** Takes the picture of the console: its overview, in English and light. */
async function takeConsole(target) {
  const service = await startService({ LISTEN: 'localhost:0', APP_NAME: 'Example' });
  const admin = await Person.meet(browser, service, { viewport: { width: 1180, height: 860 }, reducedMotion: 'reduce' });
  await populate(admin);
  await becomeAdministrator(admin);
  await visit(admin);
  await admin.at('Overview');
  await admin.page.screenshot({ path: join(target, 'console.png') });
  await admin.leave();
  await service.stop();
}
