// Takes the screenshots in docs/screenshots: node tests/web/screenshots.mjs [DIRECTORY]

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { ROOT } from './libraries.mjs';
import { PASSWORD, Person, openBrowser } from './person.mjs';
import { meetProviders, signInThere, startWithProviders } from './providers.mjs';
import { startService } from './service.mjs';

const target = process.argv[2] ?? join(ROOT, 'docs/screenshots');
await mkdir(target, { recursive: true });
const service = await startService();
const browser = await openBrowser();

const LARGE = { viewport: { width: 900, height: 780 } };
const SMALL = {
  viewport: { width: 360, height: 760 },
  deviceScaleFactor: 1.5,
  isMobile: true,
  hasTouch: true,
  colorScheme: 'dark',
  locale: 'de-DE',
};
const desktop = await Person.meet(browser, service, LARGE);
const phone = await Person.meet(browser, service, SMALL);
const take = (person, name) => person.page.screenshot({ path: join(target, `${name}.png`) });

desktop.email = 'jo@example.com';
await desktop.go('login');
await desktop.at('Sign in');
await take(desktop, 'login');
await desktop.register();
await desktop.at('Protect your account');
await take(desktop, 'set-up');
desktop.secret = await desktop.scan();
await desktop.confirm();
await desktop.at('Recovery codes');
await take(desktop, 'recovery-codes');
await desktop.keepCodes();
await desktop.at('Profile');
await take(desktop, 'profile');

await phone.go('login');
await phone.at('Anmelden');
await phone.fill('E-Mail-Adresse oder Benutzername', desktop.email);
await phone.fill('Passwort', PASSWORD);
await phone.press('Anmelden');
await phone.at('Bestätigen Sie, dass Sie es sind');
await take(phone, 'second-factor-phone');
await phone.fill('Code', await desktop.code());
await phone.at('Profil');

await desktop.follow('Sessions');
await desktop.at('Sessions');
await take(desktop, 'sessions');
await desktop.follow('Token');
await desktop.sees('valid');
await take(desktop, 'token');
if (process.argv[2]) {
  for (const name of ['Security', 'Activity']) {
    await desktop.follow(name);
    await desktop.at(name);
    await desktop.page.screenshot({ path: join(target, `${name}.png`), fullPage: true });
  }
  await phone.page.screenshot({ path: join(target, `phone.png`), fullPage: true });
}

await desktop.leave();
await phone.leave();
await service.stop();
if (process.argv[2]) await takeProviders();
await browser.close();

/** The pages of a sign-in with an account of another service, large and small. */
async function takeProviders() {
  const service = await startWithProviders();
  for (const [size, language, options] of /** @type {[string, string, object][]} */ ([
    ['large', 'en', LARGE],
    ['small', 'de', SMALL],
  ])) {
    const person = await Person.meet(browser, service, options);
    const t = await textsIn(language);
    const [example, offline] = [{ name: 'Example' }, { name: 'Offline Inc.' }];
    const picture = (name) =>
      person.page.screenshot({ path: join(target, `federation-${size}-${name}.png`), fullPage: true });
    await meetProviders(person);
    const email = `${size}@example.com`;
    await service.call('POST', '/register', { email, password: PASSWORD });
    const { link } = await service.message(email, 'email_verification');
    for (const [name, url] of [
      ['login', service.page('login')],
      ['register', service.page('register')],
      ['verify-email', link],
    ]) {
      await person.page.goto(url);
      await person.page.getByRole('button', { name: t('federation.continue', example) }).waitFor();
      await picture(name);
    }
    await person.go('login');
    await person.press(t('federation.continue', offline));
    await person.sees(t('federation.provider_unavailable', offline));
    await picture('down');
    await person.press(t('federation.continue', example));
    await person.page.getByText('[ Cancel ]').click();
    await person.at(t('federation.denied', example));
    await picture('denied');
    await person.signUp();
    await person.proveAddress();
    await person.press(t('sign_out'));
    await person.press(t('federation.continue', example));
    await signInThere(person);
    await person.at(t('federation.link_required'));
    await picture('account-exists');
    await person.press(t('federation.link_required_next', example));
    await person.sees(t('federation.connect_first', example));
    await picture('sign-in-first');
    await person.fill(t('login.name'), person.email);
    await person.fill(t('password'), PASSWORD);
    await person.press(t('login.submit'));
    await person.at(t('second_factor.title'));
    await person.fill(t('factor.totp.code'), await person.code());
    await person.press(t('login.submit'));
    await person.at(t('federation.question', example));
    await picture('question');
    await person.press(t('federation.connect', example));
    await person.at(t('federation.connected', example));
    await picture('connected');
    await person.follow(t('security.title'));
    await person.page.getByText(t('identities.disconnect', example)).click();
    await picture('security');
    await person.leave();
  }
  await service.stop();
}
