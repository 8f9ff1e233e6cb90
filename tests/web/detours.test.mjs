// What users do that no page expects: other tabs, the back button, addresses of other steps, browsers that lack something.
// Browsers make no passkeys for an IP address, so the service is at localhost.

import assert from 'node:assert/strict';

import { Authenticator } from './authenticator.mjs';
import { environment } from './environment.mjs';

const story = environment({ LISTEN: 'localhost:0' });

const dialog = (person) => person.page.getByRole('dialog');

/** Adds a passkey on the security page. */
async function addPasskey(person, name) {
  await person.go('security');
  await person.at('Security');
  await person.fill('Name for a new passkey', name);
  await person.press('Add a passkey');
  await person.page.getByRole('heading', { level: 3, name, exact: true }).waitFor();
}

/** Has the page ask for a proof. */
async function ask(person) {
  await person.service.advance(600);
  await person.follow('Security');
  await person.at('Security');
  await person.press('Create new recovery codes');
  await dialog(person).waitFor();
}

story('a sign-out in another tab takes the question for a proof away', async (person) => {
  await person.signUp();
  await ask(person);
  const tab = await person.context.newPage();
  await tab.goto(person.service.page());
  await person.at('Profile', tab);
  await person.press('Sign out', tab);
  await person.at('Sign in');
  assert.equal(await dialog(person).count(), 0);
  await person.logIn();
});

story('the back button takes the question for a proof away', async (person) => {
  await person.signUp();
  await ask(person);
  await person.page.goBack();
  await person.at('Profile');
  assert.equal(await dialog(person).count(), 0);
  // The forms of that page can be used.
  await person.fill('User name', 'back.again');
  await person.press('Save', person.part('User name'));
  await dialog(person).waitFor();
  await person.page.keyboard.press('Escape');
  await person.at('Profile');
  assert.equal(await person.page.getByLabel('User name', { exact: true }).inputValue(), 'back.again');
});

story('a browser that knows no passkeys asks for what it can use', async (person, meet) => {
  await Authenticator.of(person);
  await person.signUp();
  await addPasskey(person, 'Elsewhere');
  const poor = await meet();
  await poor.context.addInitScript(() => {
    delete Navigator.prototype.credentials;
  });
  [poor.email, poor.secret] = [person.email, person.secret];
  await poor.go('login');
  await poor.at('Sign in');
  assert.equal(await poor.page.getByRole('button', { name: 'Sign in with a passkey' }).count(), 0);
  await poor.knock();
  await poor.at('Confirm that it is you');
  await poor.fill('Code', await poor.code());
  await poor.at('Profile');
  await ask(poor);
  await poor.page.getByText('This browser cannot add passkeys.').waitFor();
  await poor.fill('Code', await poor.code(), dialog(poor));
  await poor.at('Recovery codes');
  await poor.leave();
});

story('the address of another step leads to the one that waits', async (person) => {
  await Authenticator.of(person);
  await person.register();
  await person.at('Protect your account');
  await person.go('second-factor');
  await person.at('Protect your account');
  // The passkey is registered, and not yet used.
  await person.page.route('**/2fa/challenge', (route) => route.abort());
  await person.press('Add a passkey');
  await person.at('Confirm that it is you');
  await person.go('set-up');
  await person.at('Confirm that it is you');
  await person.press('Use your passkey');
  await person.sees(/^The service cannot be reached\./);
  await person.page.unroute('**/2fa/challenge');
  await person.press('Use your passkey');
  await person.at('Recovery codes');
  person.faults.splice(0, person.faults.length, ...person.faults.filter((fault) => !fault.includes('ERR_FAILED')));
});

story('an answer that comes late does not disturb the page that the user went to', async (person) => {
  await Authenticator.of(person);
  await person.signUp();
  await addPasskey(person, 'Slow');
  /** @type {() => void} */
  let answer = () => {};
  const held = new Promise((resolve) => (answer = () => resolve(undefined)));
  await person.page.route('**/2fa/passkeys/*', async (route) => {
    await held;
    await route.continue();
  });
  await person.page.getByText('Rename', { exact: true }).click();
  await person.fill('Name of the passkey', 'Late');
  await person.press('Save');
  await person.follow('Profile');
  await person.at('Profile');
  await person.fill('User name', 'typed.meanwhile');
  /** @type {string[]} */
  const requests = [];
  person.page.on('request', (request) => requests.push(new URL(request.url()).pathname));
  const answered = person.page.waitForResponse('**/2fa/passkeys/*');
  answer();
  assert.equal((await answered).status(), 204);
  // By then the page has seen the answer, and would have begun to load the account again.
  await person.page.evaluate(async () => (await fetch('/health/live')).text());
  assert.deepEqual(requests, ['/health/live']);
  assert.equal(await person.page.getByLabel('User name', { exact: true }).inputValue(), 'typed.meanwhile');
  await person.follow('Security');
  await person.page.getByRole('heading', { level: 3, name: 'Late', exact: true }).waitFor();
});
