// API keys on the account pages: made, shown once, used by a script, deleted.

import assert from 'node:assert/strict';

import { PASSWORD } from './person.mjs';
import { environment } from './environment.mjs';
import { OPEN, inspect } from './inspection.mjs';

const story = environment();

const dialog = (person) => person.page.getByRole('dialog');
const keys = (person, heading = 'API keys') => person.part(heading);
/** The part where the new key is shown. */
const handover = (person) => person.page.locator('.notice', { hasText: 'Your new API key' });

async function openForm(person) {
  await person.page.getByText('Create an API key', { exact: true }).click();
}

/** Fills in the form and sends it. */
async function create(person, name, scopes = ['your e-mail address']) {
  await openForm(person);
  await person.fill('Name of the key', name);
  for (const scope of scopes) await person.page.getByLabel(scope, { exact: true }).check();
  await person.press('Create the key');
}

/** Makes a key, and returns it as the page shows it. */
async function make(person, name, scopes) {
  await create(person, name, scopes);
  await handover(person).waitFor();
  return handover(person).locator('code.secret').innerText();
}

/** A script with the key. */
function exchange(service, key) {
  const body = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:vestibule:params:oauth:token-type:api-key',
    subject_token: key,
  });
  return fetch(`${service.url}/oauth/token`, { method: 'POST', body });
}

/** Signs in without a browser. */
async function accessToken(person) {
  const { service } = person;
  const { pre_auth_token } = await service.call('POST', '/login', { email: person.email, password: PASSWORD });
  const verified = { pre_auth_token, code: await person.code() };
  return (await service.call('POST', '/2fa/verify', verified)).access_token;
}

story('a user makes a key for a script, which uses it until the user deletes it', async (person) => {
  const { service } = person;
  await person.signUp();
  await person.proveAddress();
  await service.operate(['users', 'grant', person.email, 'editor']);
  await service.advance(400);
  await person.go('applications');
  await person.at('Apps');
  await openForm(person);
  await person.press('Create the key');
  await person.sees('Please fill this in.');
  await person.fill('Name of the key', 'Backup script');
  await person.press('Create the key');
  await person.sees(/^Please choose at least one\./);
  for (const scope of ['your e-mail address', 'your role “editor”']) {
    await person.page.getByLabel(scope, { exact: true }).check();
  }
  assert.equal(await person.page.getByText(/^Please choose at least one\./).count(), 0);
  await person.page.getByLabel('The key works for').selectOption({ index: 1 });
  await person.press('Create the key');
  await dialog(person).getByText('Before the key is created, please confirm your identity again.').waitFor();
  await person.press('Cancel', dialog(person));
  // What was typed is still there.
  await person.press('Create the key');
  await person.fill('Code', await person.code(), dialog(person));
  await handover(person).waitFor();
  // Screen readers go to where the key is.
  await person.page.waitForFunction(() => document.activeElement?.textContent === 'Your new API key');
  const key = await handover(person).locator('code.secret').innerText();
  assert.match(key, /^vak_[\w-]+$/);
  await person.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await person.press('Copy the key');
  await person.sees('Copied.');
  assert.equal(await person.page.evaluate(() => navigator.clipboard.readText()), key);

  const answer = await exchange(service, key);
  assert.equal(answer.status, 200);
  assert.equal((await answer.json()).scope, 'email editor');
  await person.page.getByText('Never used', { exact: true }).waitFor();
  await person.press('I have stored the key');
  assert.ok(!(await person.page.content()).includes(key));
  await person.page.reload();
  await person.at('Apps');
  await person.sees(/^Last used \d/);
  const entry = await keys(person).locator('li', { hasText: 'Backup script' }).innerText();
  assert.match(entry, /The key gives access to your e-mail address and your role “editor”/);
  const days = (Date.parse((await newest(person)).expires_at) / 1000 - (await service.now())) / 86_400;
  assert.ok(days > 89 && days <= 90, `${days} days`);

  await person.page.getByText('Delete the key Backup script', { exact: true }).click();
  await person.press('Delete the key');
  await person.page.getByText('Backup script', { exact: true }).waitFor({ state: 'detached' });
  assert.equal((await exchange(service, key)).status, 400);
  await person.follow('Activity');
  await person.sees('API key created');
  await person.sees('API keys deleted');
});

/** The newest key of the account, as the API lists it. */
async function newest(person) {
  const answer = await fetch(`${person.service.url}/me/api-keys`, {
    headers: { Authorization: `Bearer ${await accessToken(person)}` },
  });
  return (await answer.json()).items[0];
}

story('a new key is shown once: neither stored in the browser nor shown again', async (person) => {
  await person.signUp();
  await person.go('applications');
  const key = await make(person, 'Once');
  // Another language makes the page again, and must not lose the key.
  await person.press('Deutsch');
  await person.sees('Ihr neuer API-Schlüssel');
  assert.equal(await person.page.locator('code.secret').innerText(), key);
  await person.press('English');
  await handover(person).waitFor();
  const stored = await person.page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }]));
  assert.ok(!stored.includes('vak_'), stored);
  for (const leave of [
    async () => {
      await person.follow('Profile');
      await person.at('Profile');
      await person.page.goBack();
    },
    () => person.page.reload(),
  ]) {
    await leave();
    await person.at('Apps');
    await person.sees('Never used');
    assert.equal(await handover(person).count(), 0);
    assert.ok(!(await person.page.content()).includes('vak_'));
    await make(person, 'Another');
  }
});

story('a sign-out in another tab takes the new key away', async (person) => {
  await person.signUp();
  await person.go('applications');
  await make(person, 'Left open');
  const tab = await person.context.newPage();
  await tab.goto(person.service.page());
  await person.at('Profile', tab);
  await person.press('Sign out', tab);
  await person.at('Sign in');
  assert.ok(!(await person.page.content()).includes('vak_'));
  await person.logIn();
  await person.follow('Apps');
  await person.sees('Never used');
  assert.equal(await handover(person).count(), 0);
});

story('a key that is gone already, and one too many', async (person) => {
  await person.signUp();
  await person.go('applications');
  await make(person, 'Deleted twice');
  const tab = await person.context.newPage();
  await tab.goto(person.service.page('applications'));
  for (const page of [tab, person.page]) {
    await page.getByText('Delete the key Deleted twice', { exact: true }).click();
    await person.press('Delete the key', page);
    if (page === tab) await page.getByText('Deleted twice', { exact: true }).waitFor({ state: 'detached' });
  }
  await person.sees('This key was deleted already.');

  const headers = { Authorization: `Bearer ${await accessToken(person)}`, 'Content-Type': 'application/json' };
  const expires_at = new Date((await person.service.now()) * 1000 + 3_600_000).toISOString();
  for (let made = 0; made < 20; made += 1) {
    const body = JSON.stringify({ name: `Key ${made}`, scopes: ['email'], expires_at });
    const answer = await fetch(`${person.service.url}/me/api-keys`, { method: 'POST', headers, body });
    assert.equal(answer.status, 201);
  }
  await create(person, 'One too many');
  await person.sees('You cannot have more API keys. Delete one first.');
});

story('the end of a key follows the clock of the service', async (person) => {
  // A key for 30 days by the clock of this machine would have ended.
  await person.service.advance(40 * 86_400);
  await person.signUp();
  await person.go('applications');
  const key = await make(person, 'Ahead');
  assert.equal((await exchange(person.service, key)).status, 200);
});

story('the key stays in sight if the list cannot be loaded', async (person) => {
  await person.signUp();
  await person.go('applications');
  await person.page.getByText('Create an API key', { exact: true }).waitFor();
  await person.page.route('**/me/api-keys', (route) =>
    route.request().method() === 'GET' ? route.fulfill({ status: 503 }) : route.continue(),
  );
  const key = await make(person, 'Unlisted');
  assert.equal((await exchange(person.service, key)).status, 200);
});

story(
  'every state can be read, on a phone and on a large screen',
  async (person) => {
    await person.signUp();
    await person.go('applications');
    await openForm(person);
    await person.press('Create the key');
    await inspect(person, 'API keys, the form');
    await person.page.reload();
    await make(person, 'A key with a name that is rather long, for a script in the cellar');
    await inspect(person, 'API keys, a new key');
    await person.press('I have stored the key');
    await person.page.getByText(/^Delete the key A key/).click();
    await inspect(person, 'API keys, the list');
  },
  OPEN,
);

story(
  'every state is there in German',
  async (person) => {
    await person.signUp();
    await person.go('applications');
    await person.at('Apps');
    const complete = async () => {
      // A key without a text would be shown as it is.
      assert.doesNotMatch(await person.page.locator('body').innerText(), /\b(api_keys|applications|field)\.[a-z_]+/);
    };
    await person.page.getByText('API-Schlüssel erstellen', { exact: true }).click();
    await person.fill('Name des Schlüssels', 'Backup-Skript');
    await person.press('Schlüssel erstellen');
    await person.sees(/^Bitte wählen Sie mindestens eines\./);
    await complete();
    await person.page.getByLabel('Ihre E-Mail-Adresse', { exact: true }).check();
    await person.press('Schlüssel erstellen');
    await person.sees('Ihr neuer API-Schlüssel');
    await complete();
    await person.press('Ich habe den Schlüssel gespeichert');
    await person.page.getByText('Schlüssel Backup-Skript löschen', { exact: true }).click();
    await complete();
    await person.press('Schlüssel löschen');
    await person.page.getByText('Backup-Skript', { exact: true }).waitFor({ state: 'detached' });
  },
  { locale: 'de-DE' },
);
