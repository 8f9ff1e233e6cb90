// Accounts without a password: registered, signed in, recovered, and with a password again. Browsers make no passkeys for
// an IP address, so the service is at localhost.

import assert from 'node:assert/strict';
import { describe } from 'node:test';

import { Authenticator } from './authenticator.mjs';
import { PASSWORD } from './person.mjs';
import { environment } from './environment.mjs';
import { OPEN, inspect } from './inspection.mjs';

const SETTINGS = { LISTEN: 'localhost:0', SECOND_FACTORS: 'totp,passkey' };

/** Signs in with the passkey that was just added, and saves the recovery codes. */
async function useFirstPasskey(person) {
  await person.press('Use your passkey');
  await person.at('Recovery codes');
  person.recoveryCodes = await person.page.locator('ol.codes li').allInnerTexts();
  await person.keepCodes();
  await person.at('Profile');
}

/** Registers with a passkey, and saves the recovery codes. */
async function register(person) {
  await person.go('register');
  await person.fill('E-mail address', person.email);
  await person.press('Use a passkey instead');
  assert.equal(await person.page.getByLabel('E-mail address').inputValue(), person.email);
  assert.equal(await person.page.getByLabel('Password', { exact: true }).count(), 0);
  await person.press('Create the account with a passkey');
  await person.at('Add your passkey');
  await person.press('Add a passkey');
  await person.at('Your passkey');
  await useFirstPasskey(person);
}

/** Follows the link that verifies the address, in the browser that is signed in. */
async function proveAddress(person) {
  await person.page.goto((await person.service.message(person.email, 'email_verification')).link);
  await person.at('Verify your e-mail address');
  await person.press('Verify the address');
  await person.at('Your address is verified');
}

/** Chooses a passkey from the suggestions of the field of the name: the authenticator's user does so at once. */
async function suggestionsAre(person, chosen) {
  await person.page.evaluate((value) => localStorage.setItem('test.suggestions', value), String(chosen));
}

describe('a deployment that offers passkeys', () => {
  const story = environment(SETTINGS);

  story('an account never has a password, loses its device, and comes back by recovery code', async (person) => {
    const authenticator = await Authenticator.of(person);
    await person.page.addInitScript(() => {
      PublicKeyCredential.isConditionalMediationAvailable = async () =>
        localStorage.getItem('test.suggestions') === 'true';
    });
    await register(person);
    await person.sees('None: you sign in without a password');
    await proveAddress(person);
    await person.follow('Profile');
    await person.at('Profile');

    // Touching the field of the name is enough.
    await person.signOut();
    await suggestionsAre(person, true);
    await person.go('login');
    await person.at('Profile');
    await suggestionsAre(person, false);

    // The last way in stays.
    await person.follow('Security');
    await person.at('Security');
    await person.press('Remove', person.part('Passkeys'));
    await person.sees('Your account has no password, and no other passkey');
    await person.signOut();

    await authenticator.loses();
    await person.press('Sign in with a passkey');
    await person.sees('No passkey was used.');
    await person.follow('Lost your phone?');
    await person.at('Lost your phone?');
    await person.fill('E-mail address', person.email);
    await person.press('Send the e-mail');
    await person.at('Check your e-mail');
    await person.page.goto((await person.service.message(person.email, 'magic_link')).link);
    await person.press('Sign in');
    await person.at('Confirm that it is you');
    await person.press('Use a recovery code');
    await person.fill('Recovery code', person.recoveryCodes[0]);
    await person.press('Sign in');
    await person.at('Security');
    const passkeys = person.part('Passkeys');
    await person.fill('Name for a new passkey', 'New phone', passkeys);
    await person.press('Add a passkey', passkeys);
    await passkeys.getByRole('heading', { level: 3, name: 'New phone', exact: true }).waitFor();
    assert.equal(await authenticator.size(), 1);
    // The lost one can go when the new one has signed in.
    await person.press('Remove', passkeys.locator('li').first());
    await person.sees('Your account has no password, and no other passkey');
    await person.signOut();
    await person.press('Sign in with a passkey');
    await person.at('Profile');
    await person.follow('Security');
    await person.at('Security');
    await person.press('Remove', passkeys.locator('li').first());
    await passkeys.locator('li').nth(1).waitFor({ state: 'detached' });
    await passkeys.getByRole('heading', { level: 3, name: 'New phone', exact: true }).waitFor();

    await person.signOut();
    await person.press('Sign in with a passkey');
    await person.at('Profile');
  });

  story('the password is removed with a passkey and set again', async (person) => {
    const authenticator = await Authenticator.of(person);
    await person.signUp();
    await person.follow('Add a passkey');
    await person.at('Security');
    await person.press('Add a passkey', person.part('Passkeys'));
    await person.part('Passkeys').locator('li').waitFor();
    const password = person.part('Password');
    await password.getByText('Remove the password').first().click();
    await authenticator.lies({ isBogusSignature: true });
    await person.press('Remove the password', password);
    await person.sees('This passkey was not accepted.', password);
    await authenticator.lies();
    await person.press('Remove the password', password);
    await password.getByText('None: you sign in without a password').waitFor();
    await person.signOut();
    await person.knock();
    await person.sees('The name or the password is wrong.');
    await person.press('Sign in with a passkey');
    await person.at('Profile');
    await person.follow('Security');
    await person.at('Security');
    await person.fill('New password', 'heftklammer im regen', password);
    await person.press('Set a password', password);
    await password.getByLabel('Current password').waitFor();
    await person.signOut();
    await person.knock('heftklammer im regen');
    await person.at('Confirm that it is you');
  });

  story('a registration that took too long says so, and the name can be used again', async (person) => {
    await Authenticator.of(person);
    await person.go('register');
    await person.fill('E-mail address', person.email);
    await person.press('Use a passkey instead');
    await person.press('Create the account with a passkey');
    await person.at('Add your passkey');
    await person.service.advance(301);
    await person.press('Add a passkey');
    await person.sees('The time to add a passkey is over.');
    await person.follow('Create an account');
    await register(person);
  });

  story('a passkey is offered until the user declines', async (person) => {
    await Authenticator.of(person);
    await person.signUp();
    await person.sees('Sign in without typing');
    await person.press('No, thank you');
    await person.page.getByText('Sign in without typing').waitFor({ state: 'detached' });
    await person.page.reload();
    await person.at('Profile');
    assert.equal(await person.page.getByText('Sign in without typing').count(), 0);
  });

  story('a mailed link that sets a password also signs in without one', async (person) => {
    await Authenticator.of(person);
    await register(person);
    await person.signOut();
    await person.service.call('POST', '/password/forgot', { email: person.email });
    await person.page.goto((await person.service.message(person.email, 'password_reset')).link);
    await person.at('Choose a new password');
    await person.press('Continue without a password');
    // The address was never verified: what was set up before is gone.
    await person.at('Protect your account');
    await person.press('Add a passkey');
    await useFirstPasskey(person);
    await person.sees('None: you sign in without a password');
  });

  story('the link only sets a password where there is one', async (person, meet) => {
    await Authenticator.of(person);
    const other = await meet();
    await other.signUp();
    await other.leave();
    await person.service.call('POST', '/password/forgot', { email: other.email });
    await person.page.goto((await person.service.message(other.email, 'password_reset')).link);
    await person.at('Choose a new password');
    await person.press('Continue without a password');
    await person.sees('That is not possible: the account has a password');
    await person.fill('New password', 'heftklammer im regen');
    await person.press('Set the password');
    await person.at('Your password is set');
  });

  story('an address is verified with a passkey in a browser that is not signed in', async (person) => {
    await Authenticator.of(person);
    await register(person);
    await person.signOut();
    await person.page.goto((await person.service.message(person.email, 'email_verification')).link);
    await person.at('Verify your e-mail address');
    await person.press('Use a passkey instead');
    await person.at('Your address is verified');
  });

  story(
    'every page can be read and used',
    async (person) => {
      await Authenticator.of(person);
      await person.go('login');
      await person.at('Sign in');
      await person.follow('Lost your phone?');
      await person.at('Lost your phone?');
      await inspect(person, 'lost-device');
      await person.go('register');
      await person.press('Use a passkey instead');
      await inspect(person, 'register-passkey');
      await person.press('Use a password instead');
      await person.fill('Password', PASSWORD);
      await person.press('Use a passkey instead');
      await person.fill('E-mail address', person.email);
      await person.press('Create the account with a passkey');
      await person.at('Add your passkey');
      await inspect(person, 'add-passkey');
      await person.press('Add a passkey');
      await person.at('Your passkey');
      await inspect(person, 'your-passkey');
      await person.press('Use your passkey');
      await person.keepCodes();
      await person.at('Profile');
      await inspect(person, 'profile-without-password');
      await person.follow('Security');
      await person.at('Security');
      await inspect(person, 'security-without-password');
    },
    OPEN,
  );

  story(
    'in German, too',
    async (person) => {
      await Authenticator.of(person);
      await person.go('register');
      await person.fill('E-Mail-Adresse', person.email);
      await person.press('Passkey statt Passwort verwenden');
      await person.press('Konto mit Passkey erstellen');
      await person.at('Passkey hinzufügen');
      await inspect(person, 'add-passkey-de');
      await person.press('Passkey hinzufügen');
      await person.at('Ihr Passkey');
      await person.press('Ihren Passkey verwenden');
      await person.page.getByLabel('Ich habe diese Codes aufbewahrt.').check();
      await person.press('Weiter');
      await person.sees('Keines: Sie melden sich ohne Passwort an');
      await person.follow('Sicherheit');
      await inspect(person, 'security-without-password-de');
    },
    { ...OPEN, locale: 'de-DE' },
  );
});

describe('a deployment with private registration', () => {
  const story = environment({ ...SETTINGS, REGISTRATION: 'private' });

  story('the link in the mail leads to the passkey', async (person) => {
    await Authenticator.of(person);
    await person.go('register');
    await person.fill('E-mail address', person.email);
    await person.press('Use a passkey instead');
    await person.press('Create the account with a passkey');
    await person.at('Check your e-mail');
    await person.page.goto((await person.service.message(person.email, 'registration_started')).link);
    await person.at('Choose a new password');
    await person.press('Continue without a password');
    await person.at('Protect your account');
    await person.press('Add a passkey');
    await useFirstPasskey(person);
  });
});
