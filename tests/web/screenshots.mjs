// Takes the screenshots in docs/screenshots: node tests/web/screenshots.mjs [DIRECTORY]

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { ROOT } from './libraries.mjs';
import { PASSWORD, Person, openBrowser } from './person.mjs';
import { startService } from './service.mjs';

const target = process.argv[2] ?? join(ROOT, 'docs/screenshots');
await mkdir(target, { recursive: true });
const service = await startService();
const browser = await openBrowser();

const desktop = await Person.meet(browser, service, { viewport: { width: 900, height: 780 } });
const phone = await Person.meet(browser, service, {
  viewport: { width: 360, height: 760 },
  deviceScaleFactor: 1.5,
  isMobile: true,
  hasTouch: true,
  colorScheme: 'dark',
  locale: 'de-DE',
});
const take = (person, name) => person.page.screenshot({ path: join(target, `${name}.png`) });

desktop.email = 'jo@example.com';
await desktop.go('login');
await desktop.at('Sign in');
await take(desktop, 'login');
await desktop.register();
await desktop.at('Set up your second factor');
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
await phone.at('Ihr zweiter Faktor');
await take(phone, 'second-factor-phone');
await phone.fill('Code', await desktop.code());
await phone.press('Anmelden');
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
await browser.close();
await service.stop();
