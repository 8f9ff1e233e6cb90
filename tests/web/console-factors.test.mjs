// Administrators whose session lacks the second factor that the console, or their role, requires.

import assert from 'node:assert/strict';
import { describe } from 'node:test';

import { dialog, visit } from './administrator.mjs';
import { Authenticator } from './authenticator.mjs';
import { environment } from './environment.mjs';
import { OPEN, inspect } from './inspection.mjs';

describe('a role that requires a passkey', () => {
  const story = environment({ LISTEN: 'localhost:0', SECOND_FACTORS_FOR: 'admin:passkey' });
  const why = 'You cannot use your role admin in this session yet. It requires a passkey.';

  story(
    'is explained, set up, and proved with a press of a button',
    async (person) => {
      await Authenticator.of(person);
      await person.signUp();
      await person.service.operate(['users', 'grant', person.email, 'admin', '--unverified']);
      await visit(person);
      await person.at('The console is for administrators');
      await person.sees(why);
      await inspect(person, 'console-factor-missing');
      await person.follow('Set it up');
      await person.at('Security');
      const passkeys = person.part('Passkeys');
      await person.fill('Name for a new passkey', 'Laptop', passkeys);
      await person.press('Add a passkey', passkeys);
      await passkeys.getByRole('heading', { level: 3, name: 'Laptop' }).waitFor();

      // The account has it now, and the session was signed in without.
      for (const name of ['users', 'user?id=x', 'new-webhook', '']) {
        await visit(person, name);
        await person.at('Confirm your second factor');
        await person.sees(why);
        assert.ok(await person.page.locator('#side').isHidden());
        // No question covers the explanation.
        assert.equal(await person.page.getByRole('dialog').count(), 0);
      }
      await inspect(person, 'console-factor-unproved');
      await person.press('Confirm it now');
      await person.page.getByRole('dialog').getByText(why).waitFor();
      await person.press('Cancel', dialog(person));
      await dialog(person).waitFor({ state: 'detached' });
      await person.at('Confirm your second factor');
      await person.press('Confirm it now');
      await person.press('Use your passkey', dialog(person));
      await person.at('Overview');
      assert.ok(await person.page.locator('#side').isVisible());
    },
    OPEN,
  );
});

describe('a deployment whose second factor is optional', () => {
  const story = environment({ TWO_FACTOR_POLICY: 'optional', SECOND_FACTORS: 'totp' });

  story('the console asks for the one that the account has', async (person, meet) => {
    await person.register();
    await person.press('Do this later');
    await person.at('Sign in');
    await person.knock();
    await person.at('Profile');
    await person.service.operate(['users', 'grant', person.email, 'admin', '--unverified']);
    // A session that began before the account had a second factor.
    const other = await meet();
    other.email = person.email;
    await other.knock();
    await other.at('Profile');
    await visit(person);
    await person.at('Set up a second factor first');
    await person.follow('Your second factors');
    await person.at('Security');
    await person.follow('Set up an authenticator app');
    await person.press('Show the QR code');
    await person.page.locator('img.qr').waitFor();
    person.secret = await person.scan();
    await person.fill('Code that the app shows', await person.code());
    await person.at('Recovery codes');

    await visit(other, 'users');
    await other.at('Confirm your second factor');
    await other.sees('The console needs a sign-in with two factors. This session has only one.');
    await other.press('Confirm it now');
    other.secret = person.secret;
    await other.fill('Code', await other.code(), dialog(other));
    await other.at('Users');
    await other.leave();
  });
});
