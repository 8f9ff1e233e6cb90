// The languages of the pages and of mails.

import assert from 'node:assert/strict';

import { environment } from './environment.mjs';

const story = environment();
const lang = (person) => person.page.evaluate(() => document.documentElement.lang);

story(
  'the browser’s language is used, and another can be chosen',
  async (person) => {
    await person.go('login');
    await person.at('Anmelden');
    assert.equal(await lang(person), 'de');
    assert.equal(await person.page.title(), 'Anmelden – Konto');
    await person.press('English');
    await person.at('Sign in');
    assert.equal(await lang(person), 'en');
    await person.page.reload();
    await person.at('Sign in');
    await person.press('Deutsch');
    await person.at('Anmelden');
    await person.fill('E-Mail-Adresse oder Benutzername', 'niemand');
    await person.fill('Passwort', 'nichts');
    await person.press('Anmelden');
    await person.sees('Der Name oder das Passwort ist falsch.');
  },
  { locale: 'de-AT' },
);

story('every language can be chosen, under its own name', async (person) => {
  await person.go('login');
  for (const [name, tag, heading] of [
    ['Deutsch', 'de', 'Anmelden'],
    ['Français', 'fr', 'Connexion'],
    ['Español', 'es', 'Iniciar sesión'],
    ['English', 'en', 'Sign in'],
  ]) {
    await person.press(name);
    await person.at(heading);
    assert.equal(await lang(person), tag);
    assert.equal(await person.page.getByRole('button', { name, pressed: true }).getAttribute('lang'), tag);
  }
});

story('only the texts of the language that is shown are loaded', async (person) => {
  const loaded = [];
  person.page.on('request', (request) => loaded.push(new URL(request.url()).pathname.replace('/account/', '')));
  const texts = () => loaded.filter((path) => path.startsWith('js/texts/'));
  await person.go('login');
  await person.at('Sign in');
  assert.deepEqual(texts(), ['js/texts/en.js']);
  await person.press('Français');
  await person.at('Connexion');
  assert.deepEqual(texts(), ['js/texts/en.js', 'js/texts/fr.js']);
});

story(
  'a language without texts becomes English',
  async (person) => {
    await person.go('login');
    await person.at('Sign in');
    assert.equal(await lang(person), 'en');
  },
  { locale: 'it-IT' },
);

for (const [locale, title, left, button] of [
  ['fr-FR', 'Sécurité', 'Il vous reste 10 codes de récupération.', 'Vérifier cette adresse'],
  ['es-MX', 'Seguridad', 'Le quedan 10 códigos de recuperación.', 'Verificar esta dirección'],
]) {
  story(
    `registration in ${locale} makes pages and mails of that language`,
    async (person) => {
      await person.signUp();
      const mail = await person.service.message(person.email, 'email_verification');
      assert.match(mail.text, new RegExp(button));
      await person.follow(title);
      await person.at(title);
      await person.sees(left);
    },
    { locale },
  );
}

story(
  'registration in German makes mails German, and dates are written as in the reader’s country',
  async (person) => {
    await person.signUp();
    await person.sees(/^\d{2}\.\d{2}\.\d{4}, \d{2}:\d{2}$/);
    assert.match((await person.service.message(person.email, 'email_verification')).text, /Bestätigen/);
    for (const [tab, text] of [
      ['Sicherheit', 'Sie haben noch 10 Wiederherstellungscodes.'],
      ['Sitzungen', 'dieses Gerät'],
      ['Aktivität', 'Konto erstellt'],
      ['Token', 'gültig'],
    ]) {
      await person.follow(tab);
      await person.at(tab);
      await person.sees(text);
      // A key without a text would be shown as it is.
      const shown = await person.page.locator('body').innerText();
      assert.doesNotMatch(shown, /\b(event|claim|header|factor|problem|device|\w+_\w+)\.[a-z_]+/);
    }
  },
  { locale: 'de-DE' },
);
