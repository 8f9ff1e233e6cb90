// Signing in to applications, and out: what users see, allow, refuse and withdraw.

import assert from 'node:assert/strict';

import { Application } from './application.mjs';
import { PASSWORD } from './person.mjs';
import { environment } from './environment.mjs';
import { OPEN, inspect } from './inspection.mjs';

const story = environment();

/** What the tab stores about a request. */
const stored = (person) => person.page.evaluate(() => sessionStorage.getItem('vestibule.authorization'));
const dialog = (person) => person.page.getByRole('dialog');

/** Signs in where the application's request led to. */
async function logInHere(person) {
  await person.at('Sign in');
  await person.fill('E-mail address or user name', person.email);
  await person.fill('Password', PASSWORD);
  await person.press('Sign in');
  await person.at('Your second factor');
  await person.fill('Code', await person.code());
  await person.press('Sign in');
}

story('a user registers on the way, and the next applications ask no more than they have to', async (person) => {
  const { service } = person;
  const shop = await Application.register(service, 'Shop', {
    scopes: ['openid', 'profile', 'email', 'roles', 'offline_access', 'orders:read'],
  });
  await shop.begin(person);
  await person.at('Sign in');
  assert.equal(new URL(person.page.url()).hash, '');
  await person.follow('Create an account');
  await person.fill('E-mail address', person.email);
  await person.fill('Password', PASSWORD);
  await person.press('Create the account');
  await person.at('Set up your second factor');
  await person.page.reload();
  await person.at('Set up your second factor');
  person.secret = await person.scan();
  await person.confirm();
  await person.at('Recovery codes');
  await person.keepCodes();
  await person.at('Give Shop access?');
  await person.page.reload();
  await person.at('Give Shop access?');
  assert.deepEqual(await person.page.locator('main li').allInnerTexts(), [
    'It learns the ID of your account.',
    'It sees your user name and your language.',
    'It sees your e-mail address.',
    'It sees your roles.',
    'It stays signed in while you are not using it.',
    'It gets the permission “orders:read”.',
  ]);
  await person.sees('It uses this at https://api.example.com.');
  await person.sees(person.email);
  await person.sees(new RegExp(`^The answer goes to ${new URL(shop.url).host}\\.`));
  await person.press('Allow');
  const tokens = await shop.tokens(person);
  assert.equal(tokens.scope, shop.scopes.join(' '));

  const forum = await Application.register(service, 'Forum');
  await forum.begin(person);
  await person.at('Give Forum access?');
  await person.press('Allow');
  await forum.tokens(person);
  // They allowed it before, and need not press anything.
  await shop.begin(person);
  await shop.tokens(person);
  const own = await Application.register(service, 'Console', { flags: ['--first-party'] });
  await own.begin(person);
  await own.tokens(person);
  await person.go('');
  await person.at('Profile');
  assert.equal(await stored(person), null);
});

story('a user refuses, and the application learns just that', async (person) => {
  await person.signUp();
  const shop = await Application.register(person.service, 'Refused');
  await shop.begin(person);
  await person.at('Give Refused access?');
  await person.press('Refuse');
  const answer = await shop.answer(person);
  assert.equal(answer.get('error'), 'access_denied');
  assert.equal(answer.get('code'), null);
  await person.go('applications');
  await person.sees(/^No application has access/);
});

story('an answer is posted to the application, by a script or by the user', async (person) => {
  await person.signUp();
  const shop = await Application.register(person.service, 'Posted');
  const byForm = { response_mode: 'form_post' };
  await shop.begin(person, byForm);
  await person.at('Give Posted access?');
  await person.press('Allow');
  await shop.tokens(person);
  assert.equal(person.page.url(), shop.callback, 'the code is not in the address');
  await shop.begin(person, { ...byForm, prompt: 'consent' });
  await person.at('Give Posted access?');
  await person.press('Refuse');
  assert.equal((await shop.answer(person)).get('error'), 'access_denied');

  const context = await person.context.browser().newContext({ javaScriptEnabled: false, locale: 'de-DE' });
  const page = await context.newPage();
  const parameters = { client_id: shop.id, redirect_uri: shop.callback, state: 'a state & more', ...byForm };
  await page.goto(`${person.service.url}/oauth/authorize?${new URLSearchParams(parameters)}`);
  await page.getByRole('heading', { name: 'Zurück zur Anwendung' }).waitFor();
  await page.getByRole('button', { name: 'Weiter' }).click();
  assert.equal((await shop.answer({ page })).get('error'), 'invalid_request');
  await context.close();
});

story('an application supposes who signs in, and in which language', async (person) => {
  const shop = await Application.register(person.service, 'Supposed');
  await shop.begin(person, { login_hint: 'jo+1@example.com', ui_locales: 'fr de' });
  await person.at('Anmelden');
  assert.equal(await person.page.getByLabel('E-Mail-Adresse oder Benutzername').inputValue(), 'jo+1@example.com');
  assert.equal(new URL(person.page.url()).hash, '');
  // What users choose counts more.
  await person.press('English');
  await person.at('Sign in');
  await shop.begin(person, { ui_locales: 'de' });
  await person.at('Sign in');
});

story('another user of the browser decides, but only if the first one says so', async (person, meet) => {
  const other = await meet();
  await other.signUp();
  await person.signUp();
  const shop = await Application.register(person.service, 'Shared');
  await shop.begin(person);
  await person.at('Give Shared access?');
  const first = person.email;
  await person.press('Use another account');
  [person.email, person.secret] = [other.email, other.secret];
  await logInHere(person);
  await person.at('Give Shared access?');
  await person.sees(other.email);
  assert.equal(await person.page.getByText(first).count(), 0);

  // Signing out forgets the question: who signs in next is not asked.
  await person.go('');
  await person.at('Profile');
  assert.ok(await stored(person));
  await person.signOut();
  assert.equal(await stored(person), null);
  await person.logIn();
  await other.leave();
});

story('a sign-out in another tab takes the question away', async (person) => {
  await person.signUp();
  const shop = await Application.register(person.service, 'Tabs');
  await shop.begin(person);
  await person.at('Give Tabs access?');
  const tab = await person.context.newPage();
  await tab.goto(person.service.page());
  await person.at('Profile', tab);
  await person.press('Sign out', tab);
  await person.at('This sign-in request cannot be used');
  assert.equal(await stored(person), null);
});

story('a mail that signs in another tab leads the first one back to the question', async (person) => {
  await person.signUp();
  await person.proveAddress();
  await person.signOut();
  const shop = await Application.register(person.service, 'Mailed');
  await shop.begin(person);
  await person.at('Sign in');
  await person.follow('Sign in by mail instead');
  await person.fill('E-mail address', person.email);
  await person.press('Send the mail');
  await person.at('Check your mail');
  await person.follow('Sign in');
  await person.at('Sign in');
  const { link } = await person.service.message(person.email, 'magic_link');
  const tab = await person.context.newPage();
  await tab.goto(link);
  await person.press('Sign in', tab);
  await person.fill('Code', await person.code(), tab);
  await person.press('Sign in', tab);
  await person.at('Profile', tab);
  await person.at('Give Mailed access?');
  await person.press('Allow');
  await shop.tokens(person);
});

story('a user with a recovery code comes back to the question', async (person) => {
  await person.signUp();
  await person.signOut();
  const shop = await Application.register(person.service, 'Recovered');
  await shop.begin(person);
  await person.at('Sign in');
  await person.fill('E-mail address or user name', person.email);
  await person.fill('Password', PASSWORD);
  await person.press('Sign in');
  await person.press('Use a recovery code');
  await person.fill('Recovery code', person.recoveryCodes[0]);
  await person.press('Sign in');
  await person.at('Give Recovered access?');
  await person.press('Allow');
  await shop.tokens(person);
  await person.go('security');
  await person.sees(/^You signed in with a recovery code\./);
});

story('an application that asks for a recent sign-in gets one', async (person) => {
  await person.signUp();
  const shop = await Application.register(person.service, 'Bank');
  await person.service.advance(120);
  await shop.begin(person, { max_age: '60' });
  await dialog(person).getByText('The application requires that you confirm your identity again.').waitFor();
  await person.press('Cancel', dialog(person));
  await person.at('Confirm your identity');
  await person.press('Refuse');
  assert.equal((await shop.answer(person)).get('error'), 'access_denied');

  await shop.begin(person, { max_age: '60' });
  await person.fill('Code', await person.code(), dialog(person));
  await person.press('Confirm', dialog(person));
  await person.at('Give Bank access?');
  await person.press('Allow');
  await shop.tokens(person);
  // Nothing to ask, so the proof alone leads back.
  await person.service.advance(120);
  await shop.begin(person, { prompt: 'login' });
  await person.fill('Code', await person.code(), dialog(person));
  await person.press('Confirm', dialog(person));
  await shop.tokens(person);
});

story('a request that does not work is said once, and leads nowhere', async (person) => {
  await person.signUp();
  const shop = await Application.register(person.service, 'Broken');
  const said = 'This sign-in request cannot be used';
  for (const changes of [{ client_id: 'unknown' }, { redirect_uri: 'https://evil.example.com/' }]) {
    await shop.begin(person, changes);
    await person.at(said);
    assert.equal(person.page.url(), person.service.page('authorize#error=invalid_authorization_request'));
  }
  for (const page of ['authorize', 'authorize#request=x', 'authorize#error=%3Cimg%20src=x%3E']) {
    await person.go('sessions');
    await person.go(page);
    await person.at(said);
  }
  await person.follow('Profile');
  await person.at('Profile');
  await shop.begin(person);
  await person.at('Give Broken access?');
  await person.service.advance(1800);
  await person.press('Allow');
  await person.at(said);
  await person.page.reload();
  await person.at(said);
});

story('a request that allows no question is answered without a page', async (person) => {
  const shop = await Application.register(person.service, 'Silent');
  await shop.begin(person, { prompt: 'none' });
  assert.equal((await shop.answer(person)).get('error'), 'login_required');
  await person.signUp();
  await shop.begin(person, { prompt: 'none' });
  assert.equal((await shop.answer(person)).get('error'), 'consent_required');
  await shop.begin(person);
  await person.press('Allow');
  await shop.tokens(person);
  await shop.begin(person, { prompt: 'none' });
  await shop.tokens(person);
});

story('a user withdraws what they allowed', async (person) => {
  await person.signUp();
  await person.follow('Applications');
  await person.at('Applications');
  await person.sees(/^No application has access/);
  const shop = await Application.register(person.service, 'Withdrawn');
  await shop.begin(person);
  await person.press('Allow');
  const { refresh_token } = await shop.tokens(person);
  await person.go('applications');
  await person.sees('It sees your e-mail address.');
  await person.sees(/^Allowed \d/);
  await person.sees(/^Last used \d/);
  await person.page.getByText('Withdraw the access of Withdrawn', { exact: true }).click();
  await person.press('Withdraw');
  await person.sees(/^No application has access/);
  const answer = await shop.token({ grant_type: 'refresh_token', refresh_token });
  assert.equal((await answer.json()).error, 'invalid_grant');
  await shop.begin(person);
  await person.at('Give Withdrawn access?');
});

story('an application without a proof asks to sign out, and the user decides', async (person) => {
  await person.signUp();
  const shop = await Application.register(person.service, 'Left');
  const parameters = { client_id: shop.id, post_logout_redirect_uri: shop.goodbye, state: 'bye & more' };
  await shop.end(person, parameters);
  await person.at('Sign out?');
  await person.follow('Stay signed in');
  await person.at('Profile');
  await shop.end(person, parameters);
  await person.at('Sign out?');
  await person.press('Yes, sign out');
  const gone = `${shop.goodbye}?state=bye+%26+more`;
  await person.page.waitForURL(gone);
  await person.go('');
  await person.at('Sign in');
  // There is nothing to ask any more.
  await shop.end(person, parameters);
  await person.page.waitForURL(gone);
  await shop.end(person, {});
  await person.at('You are signed out');
  await person.follow('Sign in again');
  await person.at('Sign in');
});

story('an application with a proof signs out at once', async (person) => {
  await person.signUp();
  const shop = await Application.register(person.service, 'Market');
  await shop.begin(person);
  await person.press('Allow');
  const { id_token } = await shop.tokens(person);
  await shop.end(person, { id_token_hint: id_token });
  await person.at('You are signed out');
  await person.go('');
  await person.at('Sign in');
  // The proof is for the session that has ended, not for the one that the user begins now.
  await person.logIn();
  await shop.end(person, { id_token_hint: id_token });
  await person.at('You are signed out');
  await person.sees('The application is signed out. In this browser you are signed in with another session.');
  await person.follow('Profile');
  await person.at('Profile');
});

story('no address of a fragment is followed, and no request to sign out goes in circles', async (person) => {
  await person.signUp();
  const shop = await Application.register(person.service, 'Elsewhere');
  const evil = { client_id: shop.id, post_logout_redirect_uri: 'https://evil.example.com/' };
  await shop.end(person, evil);
  await person.at('Sign out?');
  await person.sees('What the application sent is not right, so you do not get back to it from here.');
  await person.go(`sign-out#${new URLSearchParams(evil)}`);
  await person.press('Yes, sign out');
  await person.at('You are signed out');
  assert.equal(person.page.url(), person.service.page('signed-out'));
});

story(
  'every page can be read, on a phone and on a large screen',
  async (person) => {
    await person.signUp();
    const shop = await Application.register(person.service, 'An application with a name that is rather long', {
      scopes: ['openid', 'profile', 'email', 'roles', 'offline_access', 'orders:read'],
    });
    await person.go('applications');
    await person.sees(/^No application has access/);
    await inspect(person, 'applications, empty');
    await shop.begin(person);
    await person.at(`Give ${shop.name} access?`);
    await inspect(person, 'authorize');
    await person.press('Allow');
    await shop.tokens(person);
    const own = await Application.register(person.service, 'Own', { flags: ['--first-party'] });
    await own.begin(person);
    await own.tokens(person);
    await person.go('applications');
    await person.page.getByText(`Withdraw the access of ${shop.name}`, { exact: true }).click();
    await inspect(person, 'applications');
    await shop.begin(person, { prompt: 'login' });
    await dialog(person).waitFor();
    await inspect(person, 'authorize, proof');
    await person.press('Cancel', dialog(person));
    await inspect(person, 'authorize, proof without the dialog');
    await person.go('authorize#request=x');
    await person.at('This sign-in request cannot be used');
    await inspect(person, 'authorize, unusable');
    await person.go('sign-out#error=invalid_authorization_request');
    await person.at('Sign out?');
    await inspect(person, 'sign-out');
    await person.press('Yes, sign out');
    await person.at('You are signed out');
    await inspect(person, 'signed-out');
  },
  OPEN,
);

story(
  'every page is there in German',
  async (person) => {
    const shop = await Application.register(person.service, 'Laden', {
      scopes: ['openid', 'profile', 'email', 'roles', 'offline_access', 'orders:read'],
    });
    const complete = async () => {
      // A key without a text would be shown as it is.
      assert.doesNotMatch(await person.page.locator('body').innerText(), /\b(authorize|applications|scope|sign_out|signed_out|problem)\.[a-z_]+/);
    };
    await shop.begin(person);
    await person.at('Anmelden');
    await person.follow('Konto erstellen');
    await person.fill('E-Mail-Adresse', person.email);
    await person.fill('Passwort', PASSWORD);
    await person.press('Konto erstellen');
    await person.at('Zweiten Faktor einrichten');
    person.secret = await person.scan();
    await person.fill('Code, den die App zeigt', await person.code());
    await person.press('Abschließen');
    await person.page.getByLabel('Ich habe diese Codes aufbewahrt.').check();
    await person.press('Weiter');
    await person.at('Laden Zugang geben?');
    await person.sees('Die Anwendung sieht Ihre E-Mail-Adresse.');
    await complete();
    await person.press('Erlauben');
    await shop.tokens(person);
    await person.go('applications');
    await person.at('Anwendungen');
    await person.sees('Die Anwendung erhält die Berechtigung „orders:read“.');
    await complete();
    await shop.end(person, { client_id: shop.id });
    await person.at('Abmelden?');
    await complete();
    await person.press('Ja, abmelden');
    await person.at('Sie sind abgemeldet');
    await complete();
  },
  { locale: 'de-DE' },
);
