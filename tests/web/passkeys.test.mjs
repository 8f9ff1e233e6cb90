// Passkeys, with the virtual authenticator of Chromium: set up, used beside a password and alone, renamed, removed.
// Browsers make no passkeys for an IP address, so the service is at localhost.

import assert from 'node:assert/strict';
import { describe } from 'node:test';

import { Authenticator } from './authenticator.mjs';
import { PASSWORD } from './person.mjs';
import { environment } from './environment.mjs';
import { OPEN, inspect } from './inspection.mjs';

const SETTINGS = { LISTEN: 'localhost:0' };

/** Adds a passkey on the security page. */
async function add(person, name) {
  await person.go('security');
  await person.at('Security');
  const part = person.part('Passkeys');
  await person.fill('Name for a new passkey', name, part);
  await person.press('Add a passkey', part);
  await part.getByRole('heading', { level: 3, name, exact: true }).waitFor();
}

/** Returns the entry of a passkey on the security page. */
function entry(person, name) {
  const heading = person.page.getByRole('heading', { level: 3, name, exact: true });
  return person.part('Passkeys').locator('li', { has: heading });
}

describe('a deployment that offers passkeys', () => {
  const story = environment(SETTINGS);

  story('a passkey is added, completes a login, proves a change, signs in alone, and is removed', async (person) => {
    const authenticator = await Authenticator.of(person);
    await person.signUp();
    await add(person, 'Laptop');
    assert.equal(await authenticator.size(), 1);
    const laptop = entry(person, 'Laptop');
    await laptop.getByText('backed up by its provider').waitFor();
    await laptop.getByText('never').waitFor();

    await person.signOut();
    await person.knock();
    await person.at('Confirm that it is you');
    assert.equal(await person.page.getByLabel('Code', { exact: true }).count(), 0);
    await person.press('Use the authenticator app');
    await person.page.getByLabel('Code', { exact: true }).waitFor();
    await person.press('Use your passkey');
    await person.sees('Your browser will ask you to unlock your passkey.');
    await person.press('Use your passkey');
    await person.at('Profile');

    await person.service.advance(600);
    await person.follow('Security');
    await person.at('Security');
    await laptop.getByText('Rename').click();
    await person.fill('Name of the passkey', 'Old laptop', laptop);
    await person.press('Save', laptop);
    const dialog = person.page.getByRole('dialog');
    await person.press('Use your passkey', dialog);
    await entry(person, 'Old laptop').waitFor();
    assert.equal(await entry(person, 'Old laptop').getByText('never').count(), 0);

    await person.signOut();
    await person.press('Sign in with a passkey');
    await person.at('Profile');
    await person.follow('Security');
    await person.at('Security');
    await person.press('Remove', entry(person, 'Old laptop'));
    await entry(person, 'Old laptop').waitFor({ state: 'detached' });

    // The device still has the passkey, and the account no longer does.
    await person.signOut();
    await person.press('Sign in with a passkey');
    await person.sees('It may have been removed.');
  });

  story('what goes wrong is said in a sentence', async (person) => {
    const authenticator = await Authenticator.of(person);
    await person.signUp();
    await add(person, 'Laptop');
    await person.press('Add a passkey', person.part('Passkeys'));
    await person.sees(/No passkey was added\.|This device already has a passkey/);
    await person.signOut();
    await authenticator.verifies(false);
    await person.press('Sign in with a passkey');
    await person.sees('No passkey was used.');
    await authenticator.verifies(true);
    await person.knock();
    await person.at('Confirm that it is you');
    await authenticator.lies({ isBogusSignature: true });
    await person.press('Use your passkey');
    await person.sees('This passkey was not accepted.');
    await authenticator.lies();
    await person.press('Use your passkey');
    await person.at('Profile');
  });

  story('an authenticator that lies signs in no user, whatever the page asks it for', async (person) => {
    const authenticator = await Authenticator.of(person);
    await person.signUp();
    await add(person, 'Laptop');
    /** Signs in by the API, and returns what it answers. A page of an attacker can change the options. */
    const signIn = (changes = {}) =>
      person.page.evaluate(async (changes) => {
        const post = (path, body) =>
          fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
        const { options } = await (await post('/passkey/options')).json();
        const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON({ ...options, ...changes });
        const credential = await navigator.credentials.get({ publicKey });
        const answer = await post('/passkey/verify', { credential: credential.toJSON() });
        const { status, code } = await answer.json();
        return code ?? status;
      }, changes);
    for (const lie of ['isBogusSignature', 'isBadUV', 'isBadUP']) {
      await authenticator.lies({ [lie]: true });
      assert.equal(await signIn(), 'invalid_credentials', lie);
    }
    await authenticator.lies();
    await authenticator.verifies(false);
    assert.equal(await signIn({ userVerification: 'discouraged' }), 'invalid_credentials');
    await authenticator.verifies(true);
    assert.equal(await signIn({ challenge: 'Y2hhbGxlbmdl' }), 'invalid_credentials');
    assert.equal(await signIn(), 'authenticated');
  });

  story('a new account is set up with a passkey in the place of an app', async (person) => {
    await Authenticator.of(person);
    await person.register();
    await person.at('Protect your account');
    await person.press('Add a passkey');
    await person.at('Confirm that it is you');
    await person.page.reload();
    await person.at('Confirm that it is you');
    await person.press('Use your passkey');
    await person.at('Recovery codes');
    assert.equal(await person.page.locator('ol.codes li').count(), 10);
    await person.keepCodes();
    await person.at('Profile');
    await person.follow('Security');
    await person.sees('You have no authenticator app set up.');
    await person.press('Remove', person.part('Passkeys'));
    await person.sees('Every account here needs something that confirms sign-ins, and this is your last.');
  });

  story('the recovery codes of a login that is not completed are not shown to the next user', async (person, meet) => {
    await Authenticator.of(person);
    const other = await meet();
    await other.signUp();
    await other.leave();
    await person.register();
    await person.press('Add a passkey');
    await person.at('Confirm that it is you');
    await person.press('Cancel and sign in again');
    await person.at('Sign in');
    person.email = other.email;
    person.secret = other.secret;
    await person.logIn();
    await person.go('recovery-codes');
    await person.sees('Recovery codes are shown only once, when they are created.');
  });

  story('the browser suggests a passkey in the field of the name', async (person) => {
    await Authenticator.of(person, true);
    await person.signUp();
    await add(person, 'Laptop');
    // The sign-out leads from the security page to the sign-in page, and the suggestion from there to the profile.
    await person.press('Sign out');
    await person.at('Profile');
  });

  story('the button ends the suggestions, and they come back when it fails', async (person) => {
    await Authenticator.of(person);
    await person.signUp();
    await add(person, 'Laptop');
    await person.signOut();
    const name = person.page.getByLabel('E-mail address or user name');
    assert.equal(await name.getAttribute('autocomplete'), 'username webauthn');
    // Suggestions are outside the page. Here their request waits until the test chooses one, and the button's fails.
    await person.page.addInitScript(() => {
      const real = navigator.credentials.get.bind(navigator.credentials);
      PublicKeyCredential.isConditionalMediationAvailable = async () => true;
      globalThis.requests = [];
      let previous;
      navigator.credentials.get = ({ publicKey, mediation, signal }) => {
        globalThis.requests.push(`${mediation ?? 'modal'}, after ${previous?.aborted ? 'the end of another' : 'none'}`);
        previous = signal;
        if (mediation !== 'conditional') return Promise.reject(new DOMException('cancelled', 'NotAllowedError'));
        return new Promise((resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
          globalThis.choose = () => resolve(real({ publicKey }));
        });
      };
    });
    await person.page.reload();
    await person.page.waitForFunction(() => globalThis.choose);
    await person.press('Sign in with a passkey');
    await person.sees('No passkey was used.');
    await person.page.waitForFunction(() => globalThis.requests.length === 3);
    assert.deepEqual(await person.page.evaluate(() => globalThis.requests), [
      'conditional, after none',
      'modal, after the end of another',
      'conditional, after none',
    ]);
    await person.page.evaluate(() => globalThis.choose());
    await person.at('Profile');
  });

  story(
    'every page with a passkey can be read and used',
    async (person) => {
      const authenticator = await Authenticator.of(person);
      await person.go('login');
      await person.at('Sign in');
      await inspect(person, 'passkeys-login');
      await person.register();
      await person.at('Protect your account');
      await inspect(person, 'passkeys-set-up');
      person.secret = await person.scan();
      await person.confirm();
      await person.keepCodes();
      await person.at('Profile');
      await add(person, 'Laptop');
      await inspect(person, 'passkeys-security');
      await entry(person, 'Laptop').getByText('Rename').click();
      await inspect(person, 'passkeys-rename');
      await person.service.advance(600);
      await person.press('Remove', entry(person, 'Laptop'));
      await person.page.getByRole('dialog').waitFor();
      await inspect(person, 'passkeys-step-up');
      await person.press('Cancel', person.page.getByRole('dialog'));
      await person.signOut();
      await authenticator.verifies(false);
      await person.press('Sign in with a passkey');
      await person.sees('No passkey was used.');
      await inspect(person, 'passkeys-login-failed');
      await person.knock();
      await person.at('Confirm that it is you');
      await inspect(person, 'passkeys-second-factor');
    },
    OPEN,
  );

  story(
    'in German, too',
    async (person) => {
      await Authenticator.of(person);
      await person.go('register');
      await person.fill('E-Mail-Adresse', person.email);
      await person.fill('Passwort', PASSWORD);
      await person.press('Konto erstellen');
      await person.at('Schützen Sie Ihr Konto');
      await inspect(person, 'passkeys-set-up-de');
      await person.press('Passkey hinzufügen');
      await person.press('Ihren Passkey verwenden');
      await person.at('Wiederherstellungscodes');
      await person.page.getByLabel('Ich habe diese Codes aufbewahrt.').check();
      await person.press('Weiter');
      await person.follow('Sicherheit');
      await person.part('Passkeys').getByText('beim Anbieter gesichert').waitFor();
      await inspect(person, 'passkeys-security-de');
    },
    { ...OPEN, locale: 'de-DE' },
  );
});

describe('a role that requires a passkey', () => {
  const story = environment({ ...SETTINGS, SECOND_FACTORS_FOR: 'admin:passkey' });
  const missing = 'You cannot use your role admin in this session yet. It requires a passkey.';

  story('applies once the passkey is set up and confirmed', async (person) => {
    await Authenticator.of(person);
    await person.signUp();
    await person.service.operate(['users', 'grant', person.email, 'admin', 'editor', '--unverified']);
    await person.go('');
    await person.at('Profile');
    await person.sees(missing);
    await person.page.getByText('editor', { exact: true }).waitFor();
    await inspect(person, 'withheld-role');
    await person.follow('Set it up');
    await add(person, 'Laptop');
    await person.follow('Profile');
    await person.sees(missing);
    await person.press('Confirm it now');
    await person.press('Use your passkey', person.page.getByRole('dialog'));
    await person.page.getByText('admin, editor', { exact: true }).waitFor();
    assert.equal(await person.page.getByText(missing).count(), 0);
    await person.page.reload();
    await person.page.getByText('admin, editor', { exact: true }).waitFor();
  });
});

for (const [name, settings] of Object.entries({
  'a deployment that leaves passkeys out': { LISTEN: 'localhost:0', SECOND_FACTORS: 'totp' },
  'a deployment at an IP address': {},
})) {
  describe(name, () => {
    const story = environment(settings);

    story('does not mention passkeys', async (person) => {
      await person.go('login');
      await person.at('Sign in');
      assert.equal(await person.page.getByText(/passkey/i).count(), 0);
      const field = person.page.getByLabel('E-mail address or user name');
      assert.equal(await field.getAttribute('autocomplete'), 'username');
      await person.register();
      await person.at('Protect your account');
      assert.equal(await person.page.getByText(/passkey/i).count(), 0);
      person.secret = await person.scan();
      await person.confirm();
      await person.keepCodes();
      await person.follow('Security');
      await person.at('Security');
      assert.equal(await person.page.getByText(/passkey/i).count(), 0);
    });
  });
}
