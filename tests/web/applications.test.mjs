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
  await person.at('Confirm that it is you');
  await person.fill('Code', await person.code());
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
  await person.fillRegistration();
  await person.at('Protect your account');
  await person.page.reload();
  await person.setUp();
  await person.at('Give Shop access?');
  await person.page.reload();
  await person.at('Give Shop access?');
  assert.deepEqual(await person.page.locator('main ul:not(.links) li').allInnerTexts(), [
    'Recognise you by the ID of your account',
    'See your user name and your language',
    'See your e-mail address',
    'See your roles',
    'Stay signed in while you are not using it',
    'Use the permission “orders:read”',
  ]);
  await person.sees('For use at https://api.example.com.');
  await person.sees(person.email);
  await person.sees(new RegExp(`^You will be taken back to ${new URL(shop.url).host}\\.`));
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
  await person.press('Deny');
  const answer = await shop.answer(person);
  assert.equal(answer.get('error'), 'access_denied');
  assert.equal(answer.get('code'), null);
  await person.go('applications');
  await person.sees(/^No app has access/);
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
  await person.press('Deny');
  assert.equal((await shop.answer(person)).get('error'), 'access_denied');

  const context = await person.context.browser().newContext({ javaScriptEnabled: false, locale: 'de-DE' });
  const page = await context.newPage();
  const parameters = { client_id: shop.id, redirect_uri: shop.callback, state: 'a state & more', ...byForm };
  await page.goto(`${person.service.url}/oauth/authorize?${new URLSearchParams(parameters)}`);
  await page.getByRole('heading', { name: 'Zurück zur App' }).waitFor();
  await page.getByRole('button', { name: 'Weiter' }).click();
  assert.equal((await shop.answer({ page })).get('error'), 'invalid_request');
  await context.close();
});

story('an application supposes who signs in, and in which language', async (person) => {
  const shop = await Application.register(person.service, 'Supposed');
  // The first language that there is.
  await shop.begin(person, { login_hint: 'jo+1@example.com', ui_locales: 'pt-BR de-AT fr' });
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
  await person.at('This sign-in request does not work');
  assert.equal(await stored(person), null);
});

story('a mail that signs in another tab leads the first one back to the question', async (person) => {
  await person.signUp();
  await person.proveAddress();
  await person.signOut();
  const shop = await Application.register(person.service, 'Mailed');
  await shop.begin(person);
  await person.at('Sign in');
  await person.follow('Sign in by e-mail instead');
  await person.fill('E-mail address', person.email);
  await person.press('Send the e-mail');
  await person.at('Check your e-mail');
  await person.follow('Sign in');
  await person.at('Sign in');
  const { link } = await person.service.message(person.email, 'magic_link');
  const tab = await person.context.newPage();
  await tab.goto(link);
  await person.press('Sign in', tab);
  await person.fill('Code', await person.code(), tab);
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
  await dialog(person).getByText('The app asks you to confirm your identity again.').waitFor();
  await person.press('Cancel', dialog(person));
  await person.at('Confirm your identity');
  await person.press('Deny');
  assert.equal((await shop.answer(person)).get('error'), 'access_denied');

  await shop.begin(person, { max_age: '60' });
  await person.fill('Code', await person.code(), dialog(person));
  await person.at('Give Bank access?');
  await person.press('Allow');
  await shop.tokens(person);
  // Nothing to ask, so the proof alone leads back.
  await person.service.advance(120);
  await shop.begin(person, { prompt: 'login' });
  await person.fill('Code', await person.code(), dialog(person));
  await shop.tokens(person);
});

story('a request that does not work is said once, and leads nowhere', async (person) => {
  await person.signUp();
  const shop = await Application.register(person.service, 'Broken');
  const said = 'This sign-in request does not work';
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
  await person.follow('Apps');
  await person.at('Apps');
  await person.sees(/^No app has access/);
  const shop = await Application.register(person.service, 'Withdrawn');
  await shop.begin(person);
  await person.press('Allow');
  const { refresh_token } = await shop.tokens(person);
  await person.go('applications');
  await person.sees('See your e-mail address');
  await person.sees(/^Allowed \d/);
  await person.sees(/^Last used \d/);
  await person.page.getByText('End the access of Withdrawn', { exact: true }).click();
  await person.press('End access');
  await person.sees(/^No app has access/);
  const answer = await shop.token({ grant_type: 'refresh_token', refresh_token });
  assert.equal((await answer.json()).error, 'invalid_grant');
  await shop.begin(person);
  await person.at('Give Withdrawn access?');
});

story('the pages of sessions and activity name the application, and lead to where its access ends', async (person) => {
  await person.signUp();
  await person.follow('Sessions');
  await person.at('Sessions');
  assert.equal(await person.page.getByText(/Apps with access/).count(), 0);
  const shop = await Application.register(person.service, 'Named');
  const own = await Application.register(person.service, 'Named second', { flags: ['--first-party'] });
  await shop.begin(person);
  await person.press('Allow');
  await shop.tokens(person);
  await own.begin(person);
  await own.tokens(person);
  await person.go('sessions');
  await person.sees('Apps with access: Named and Named second');
  await person.follow('Activity');
  await person.at('Activity');
  const entry = (text) => person.page.locator('li', { hasText: text }).innerText();
  assert.match(await entry(/^App given access\s.*App: Named second$/), /· 127\.0\.0\.1 · Chrome on \w+ ·/);
  // An application's server is not a device of the user.
  assert.match(await entry(/^App signed in\s.*App: Named$/), /^App signed in\s+[^·]+ · App: Named$/);
  assert.equal(await person.page.getByText('Unknown device').count(), 0);
  await person.follow('Show the apps with access');
  await person.at('Apps');
  await person.page.getByText('End the access of Named', { exact: true }).click();
  await person.press('End access');
  await person.page.getByText('End the access of Named', { exact: true }).waitFor({ state: 'detached' });
  await person.follow('Sessions');
  await person.sees('Apps with access: Named second');
  await person.follow('End the access of a single app');
  await person.at('Apps');
  await person.follow('Activity');
  await person.sees('Access of an app ended');
  await person.sees('App signed out');
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
  await person.sees('You are signed out of the app. In this browser, you are still signed in with another session.');
  await person.follow('Profile');
  await person.at('Profile');
});

story('no address of a fragment is followed, and no request to sign out goes in circles', async (person) => {
  await person.signUp();
  const shop = await Application.register(person.service, 'Elsewhere');
  const evil = { client_id: shop.id, post_logout_redirect_uri: 'https://evil.example.com/' };
  await shop.end(person, evil);
  await person.at('Sign out?');
  await person.sees('The request of the app is faulty, so you will not be taken back to it.');
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
    await person.sees(/^No app has access/);
    await inspect(person, 'applications, empty');
    await shop.begin(person);
    await person.at(`Give ${shop.name} access?`);
    await inspect(person, 'authorize');
    await person.press('Allow');
    await shop.tokens(person);
    const own = await Application.register(person.service, 'Own', { flags: ['--first-party'] });
    await own.begin(person);
    await own.tokens(person);
    await person.go('sessions');
    await person.sees(`Apps with access: ${shop.name} and Own`);
    await inspect(person, 'sessions with applications');
    await person.follow('Activity');
    await person.sees('App given access');
    await inspect(person, 'activity with applications');
    await person.go('applications');
    await person.page.getByText(`End the access of ${shop.name}`, { exact: true }).click();
    await inspect(person, 'applications');
    await shop.begin(person, { prompt: 'login' });
    await dialog(person).waitFor();
    await inspect(person, 'authorize, proof');
    await person.press('Cancel', dialog(person));
    await inspect(person, 'authorize, proof without the dialog');
    await person.go('authorize#request=x');
    await person.at('This sign-in request does not work');
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
      assert.doesNotMatch(await person.page.locator('body').innerText(), /\b(authorize|applications|api_keys|scope|sessions|activity|event|sign_out|signed_out|problem)\.[a-z_]+/);
    };
    await shop.begin(person);
    await person.at('Anmelden');
    await person.follow('Konto erstellen');
    await person.fillRegistration();
    await person.setUp();
    await person.at('Darf Laden auf Ihr Konto zugreifen?');
    await person.sees('Ihre E-Mail-Adresse sehen');
    await complete();
    await person.press('Erlauben');
    await shop.tokens(person);
    await person.go('applications');
    await person.at('Apps');
    await person.sees('Die Berechtigung „orders:read“ nutzen');
    await complete();
    await person.follow('Sitzungen');
    await person.sees('Apps mit Zugriff: Laden');
    await complete();
    await person.follow('Aktivität');
    await person.sees('App bekam Zugriff');
    await person.sees('App angemeldet');
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
