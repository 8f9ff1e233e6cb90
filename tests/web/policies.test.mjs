// Deployments with policies other than the defaults.

import assert from 'node:assert/strict';
import { describe } from 'node:test';

import { PASSWORD } from './person.mjs';
import { environment } from './environment.mjs';

describe('registration whose result is only mailed', () => {
  const story = environment({ REGISTRATION: 'private' });

  story('sends new users to their mail, and then through the set-up', async (person) => {
    await person.go('register');
    await person.fill('E-mail address', person.email);
    await person.fill('User name (optional)', 'jo.doe');
    await person.fill('Password', PASSWORD);
    await person.press('Create the account');
    await person.sees('You can choose a user name once you are signed in.');
    await person.fill('User name (optional)', '');
    await person.press('Create the account');
    await person.at('Check your e-mail');
    await person.page.goto((await person.service.message(person.email, 'email_verification')).link);
    await person.fill('Password', PASSWORD);
    await person.press('Verify the address');
    await person.at('Your address is verified');
    await person.follow('Sign in');
    await person.knock();
    await person.at('Protect your account');
    await person.page.locator('img.qr').waitFor();
    await person.confirm(await person.scan());
    await person.at('Recovery codes');
  });
});

describe('registration that is closed', () => {
  const story = environment({ REGISTRATION: 'closed' });

  story('is said to be', async (person) => {
    await person.register();
    await person.sees('New accounts cannot be created here.');
  });
});

describe('addresses that must be verified', () => {
  const story = environment({ EMAIL_VERIFICATION: 'required' });

  story('are verified in another tab, and the set-up continues', async (person) => {
    await person.register();
    await person.at('Protect your account');
    const secret = await person.scan();
    await person.confirm(secret);
    await person.sees('Please verify your e-mail address first.');
    await person.press('Send the e-mail again');
    await person.sees('If there is something to verify, an e-mail is on its way.');
    const mail = await person.context.newPage();
    await mail.goto((await person.service.message(person.email, 'email_verification')).link);
    await mail.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await mail.getByRole('button', { name: 'Verify the address' }).click();
    await person.at('Your address is verified', mail);
    await mail.close();
    await person.confirm(secret);
    await person.at('Recovery codes');
  });
});

describe('a second factor that is optional', () => {
  const story = environment({ TWO_FACTOR_POLICY: 'optional' });

  story('can be left for later, set up, and removed', async (person) => {
    await person.register();
    await person.at('Protect your account');
    await person.press('Do this later');
    await person.at('Sign in');
    await person.knock();
    await person.at('Profile');
    await person.service.advance(600);
    await person.press('Download your data');
    const question = person.page.getByRole('dialog');
    await person.fill('Password', PASSWORD, question);
    // Password managers find the name of the account beside the password.
    await person.page.waitForFunction(
      (email) => document.querySelector('dialog input[autocomplete=username]')?.value === email,
      person.email,
    );
    await Promise.all([person.page.waitForEvent('download'), person.press('Confirm', question)]);
    await person.follow('Security');
    await person.sees('You have no authenticator app set up.');
    await person.follow('Set up an authenticator app');
    await person.press('Show the QR code');
    await person.page.locator('img.qr').waitFor();
    const secret = await person.scan();
    await person.fill('Code that the app shows', await person.code(secret));
    await person.at('Recovery codes');
    await person.keepCodes();
    await person.at('Security');
    await person.sees('Remove the authenticator');
    await person.page.getByText('Remove the authenticator').first().click();
    const part = person.part('Authenticator app');
    await person.fill('Password', PASSWORD, part);
    await person.fill('Code', await person.code(secret), part);
    await person.press('Remove the authenticator', part);
    // The session was signed in with a password only, so it has to step up with the second factor first.
    const dialog = person.page.getByRole('dialog');
    await dialog.waitFor();
    assert.ok(!(await dialog.getByRole('button', { name: 'Use your password' }).isVisible()));
    await person.fill('Code', await person.code(secret), dialog);
    await person.sees('Now enter the next code that the app shows.');
    await person.fill('Code', await person.code(secret), part);
    await person.press('Remove the authenticator', part);
    await person.sees('You have no authenticator app set up.');
  });
});

describe('codes by mail as the only second factor', () => {
  const story = environment({ TWO_FACTOR_POLICY: 'optional', SECOND_FACTORS: 'totp,email' });

  story('do not complete a login by mail, and the page says what does', async (person) => {
    await person.register();
    await person.press('Do this later');
    await person.knock();
    await person.at('Profile');
    await person.proveAddress();
    await person.go('security');
    const mail = person.part('Codes by e-mail');
    await person.press('Set up: send a code', mail);
    const { code } = await person.service.message(person.email, 'confirmation_code');
    await person.fill('Code from the e-mail', code, mail);
    await mail.getByText('Sent to').waitFor();
    await person.signOut();
    await person.follow('Sign in by e-mail instead');
    await person.fill('E-mail address', person.email);
    await person.press('Send the e-mail');
    await person.page.goto((await person.service.message(person.email, 'magic_link')).link);
    await person.press('Sign in');
    await person.at('Confirm that it is you');
    await person.sees('Nothing that you have set up can confirm this sign-in.');
    await person.press('Cancel and sign in again');
    await person.knock();
    await person.at('Confirm that it is you');
    await person.press('Send the code');
  });
});

describe('account pages that are switched off', () => {
  const story = environment({ ACCOUNT_PAGES: 'off' });

  story('are not there', async (person) => {
    for (const path of ['/', '/account', '/account/', '/account/login', '/account/js/main.js']) {
      const answer = await person.page.goto(`${person.service.url}${path}`);
      assert.equal(answer.status(), 404, path);
    }
  });
});
