// Signing in: password or mail, then an authenticator, a recovery code or a mailed code; and its errors.

import assert from 'node:assert/strict';

import { PASSWORD } from './person.mjs';
import { environment } from './environment.mjs';

const story = environment({ SECOND_FACTORS: 'totp,email,sms' });

story('with password and authenticator', async (person) => {
  await person.signUp();
  await person.signOut();
  await person.knock('wrong horse');
  await person.sees('The name or the password is wrong.');
  await person.fill('Password', PASSWORD);
  await person.press('Sign in');
  await person.at('Confirm that it is you');
  await person.page.reload();
  await person.at('Confirm that it is you');
  const field = person.page.getByLabel('Code', { exact: true });
  assert.equal(await field.getAttribute('autocomplete'), 'one-time-code');
  assert.equal(await field.getAttribute('inputmode'), 'numeric');
  await field.fill('12345');
  await person.press('Sign in');
  await person.sees('This does not look like a code.');
  // As authenticators show a code, and as it is pasted from a message: with a no-break space and bidi marks.
  const code = await person.code();
  await field.fill('');
  await person.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const pasted = `\u2066${code.slice(0, 3)}\u00a0${code.slice(3)}\u2069 `;
  await person.page.evaluate((text) => navigator.clipboard.writeText(text), pasted);
  await field.press('Control+V');
  await person.at('Profile');
});

story('leads to the page that was requested', async (person) => {
  await person.signUp();
  await person.signOut();
  await person.go('sessions');
  await person.at('Sign in');
  await person.fill('E-mail address or user name', person.email);
  await person.fill('Password', PASSWORD);
  await person.press('Sign in');
  await person.fill('Code', await person.code());
  await person.at('Sessions');
  // Another user may sign in next, so the requested page is forgotten.
  await person.signOut();
  await person.logIn();
});

story('with a mail in the place of the password', async (person) => {
  await person.signUp();
  await person.proveAddress();
  await person.signOut();
  await person.follow('Sign in by e-mail instead');
  await person.at('Sign in by e-mail');
  await person.fill('E-mail address', person.email);
  await person.press('Send the e-mail');
  await person.at('Check your e-mail');
  const { link } = await person.service.message(person.email, 'magic_link');
  await person.page.goto(link);
  await person.sees('You followed the link in our e-mail.');
  assert.equal(person.page.url(), person.service.page('magic-link'), 'the token stays in the address');
  await person.page.reload();
  await person.press('Sign in');
  await person.at('Confirm that it is you');
  await person.fill('Code', await person.code());
  await person.at('Profile');
  await person.signOut();
  await person.page.goto(link);
  await person.press('Sign in');
  await person.at('This link does not work');
  await person.follow('Ask for another e-mail');
  await person.at('Sign in by e-mail');
});

story('a signed-in user has to sign out to use a mail to sign in', async (person) => {
  await person.signUp();
  await person.proveAddress();
  await person.service.call('POST', '/magic-link', { email: person.email });
  await person.page.goto((await person.service.message(person.email, 'magic_link')).link);
  await person.sees('You are already signed in.');
  await person.press('Sign out', person.page.locator('main'));
  await person.sees('You followed the link in our e-mail.');
  await person.press('Sign in');
  await person.at('Confirm that it is you');
});

story('a second mail in the same tab is followed, too', async (person) => {
  await person.signUp();
  await person.proveAddress();
  await person.signOut();
  await person.page.goto(`${person.service.page('magic-link')}#token=vml_nonsense`);
  await person.press('Sign in');
  await person.at('This link does not work');
  await person.service.call('POST', '/magic-link', { email: person.email });
  const { link } = await person.service.message(person.email, 'magic_link');
  await person.page.goto(link);
  await person.press('Sign in');
  await person.at('Confirm that it is you');
});

story('with a recovery code, and is advised to set up a new authenticator', async (person) => {
  await person.signUp();
  await person.signOut();
  await person.knock();
  await person.at('Confirm that it is you');
  await person.press('Use a recovery code');
  await person.fill('Recovery code', person.recoveryCodes[0].toLowerCase());
  await person.press('Sign in');
  await person.at('Security');
  await person.sees('If you lost your phone, add a passkey or set up the authenticator app of your new phone now.');
  await person.sees('You have 9 recovery codes left.');
});

story('with a mailed code and a texted one', async (person) => {
  await person.signUp();
  await person.page.goto((await person.service.message(person.email, 'email_verification')).link);
  await person.press('Verify the address');
  await person.at('Your address is verified');
  await person.go('security');
  const mail = person.part('Codes by e-mail');
  await person.press('Set up: send a code', mail);
  await person.fill('Code from the e-mail', (await person.service.message(person.email, 'confirmation_code')).code, mail);
  await mail.getByText('Sent to').waitFor();
  const phone = person.part('Codes by text message');
  await person.fill('Mobile number', '12', phone);
  await person.press('Send a code to this number', phone);
  await phone.getByText('Please enter a mobile number').waitFor();
  const number = '+4915112345678';
  await person.fill('Mobile number', '\u202a+49\u00a0(0)\u00a0151\u2013123\u2013456\u201378\u202c', phone);
  await person.press('Send a code to this number', phone);
  const { code } = await person.service.message(number, 'confirmation_code');
  await person.fill('Code from the text message', code, phone);
  await phone.getByText('Sent to').waitFor();
  await person.signOut();

  for (const [way, label, to] of [
    ['Use a code by e-mail', 'Code from the e-mail', person.email],
    ['Use a code by text message', 'Code from the text message', number],
  ]) {
    await person.service.advance(90);
    await person.knock();
    await person.at('Confirm that it is you');
    await person.press(way);
    await person.press('Send the code');
    await person.sees('A code is on its way to');
    await person.fill(label, (await person.service.message(to, 'second_factor_code')).code);
    await person.at('Profile');
    await person.signOut();
  }
});

story('a login that has expired says so and leads back', async (person) => {
  await person.signUp();
  await person.signOut();
  await person.knock();
  await person.at('Confirm that it is you');
  await person.service.advance(330);
  await person.fill('Code', await person.code());
  await person.sees('This sign-in took too long');
  assert.equal(await person.page.locator('main input').count(), 0);
  await person.press('Sign in again');
  await person.at('Sign in');
  assert.equal(await person.page.evaluate(() => sessionStorage.getItem('vestibule.pending')), null);
});

story('is cancelled', async (person) => {
  await person.signUp();
  await person.signOut();
  await person.knock();
  await person.at('Confirm that it is you');
  await person.press('Cancel and sign in again');
  await person.at('Sign in');
  await person.go('second-factor');
  await person.at('Please sign in again');
});

story('after too many wrong passwords the wait is shown and counts down', async (person) => {
  await person.signUp();
  await person.signOut();
  await person.go('login');
  await person.fill('E-mail address or user name', person.email);
  for (let attempt = 0; attempt < 6; attempt += 1) {
    await person.fill('Password', `wrong ${attempt}`);
    await person.press('Sign in');
    await person.page
      .getByRole('alert')
      .filter({ hasText: /wrong|too many/ })
      .waitFor();
    if (await person.page.getByText('There were too many attempts.').isVisible()) break;
  }
  await person.sees(/There were too many attempts\. You can try again in .*(minute|second)/);
  const button = person.page.getByRole('button', { name: 'Sign in', exact: true });
  assert.ok(await button.isDisabled());
  const shown = await person.page.locator('.countdown').innerText();
  assert.match(shown, /^Please wait: \d+ (minute|second)/);
  await person.page.waitForFunction((old) => document.querySelector('.countdown')?.textContent !== old, shown);
});

story('after the wait it can be tried again', async (person) => {
  await person.page.clock.install();
  await person.page.route('**/login', async (route) => {
    if (route.request().method() !== 'POST') return route.fallback();
    return route.fulfill({
      status: 429,
      headers: { 'Content-Type': 'application/problem+json', 'Retry-After': '65' },
      body: JSON.stringify({ code: 'rate_limited', status: 429 }),
    });
  });
  await person.knock();
  await person.sees('You can try again in 1 minute 5 seconds.');
  await person.page.clock.runFor(66_000);
  await person.sees('You can try again now.');
  assert.ok(await person.page.getByRole('button', { name: 'Sign in', exact: true }).isEnabled());
});

story('a forgotten password is replaced through the mail', async (person) => {
  await person.signUp();
  await person.proveAddress();
  await person.signOut();
  await person.follow('Forgotten your password?');
  await person.fill('E-mail address', person.email);
  await person.press('Send the e-mail');
  await person.at('Check your e-mail');
  const { link } = await person.service.message(person.email, 'password_reset');
  await person.page.goto(link);
  await person.at('Choose a new password');
  await person.fill('New password', 'short');
  await person.press('Set the password');
  await person.sees('This password is too short. Please use at least 8 characters.');
  await person.page.reload();
  await person.fill('New password', 'heftklammer im regen');
  await person.press('Set the password');
  await person.at('Your password is set');
  await person.logIn('heftklammer im regen');
  await person.page.goto(link);
  await person.at('This link does not work');
});

story('a password can be looked at', async (person) => {
  await person.go('login');
  const field = person.page.getByLabel('Password', { exact: true });
  await field.fill('secret');
  assert.equal(await field.getAttribute('type'), 'password');
  await person.press('Show the password');
  assert.equal(await field.getAttribute('type'), 'text');
  assert.equal(await person.page.getByLabel('Show the password').getAttribute('aria-pressed'), 'true');
  await person.press('Show the password');
  assert.equal(await field.getAttribute('type'), 'password');
  assert.equal(await field.getAttribute('autocomplete'), 'current-password');
  assert.equal(await person.page.getByLabel('E-mail address or user name').getAttribute('autocomplete'), 'username');
});

story('without the service it is said that it cannot be reached', async (person) => {
  await person.go('login');
  await person.page.route('**/login', (route) => route.fulfill({ status: 500, body: 'bad gateway' }));
  await person.fill('E-mail address or user name', person.email);
  await person.fill('Password', PASSWORD);
  await person.press('Sign in');
  await person.sees('Something went wrong on our side.');
  await person.page.unroute('**/login');
  await person.context.setOffline(true);
  await person.press('Sign in');
  await person.sees('The service cannot be reached.');
  await person.context.setOffline(false);
  // The browser's messages for both.
  person.faults = person.faults.filter((fault) => !/status of 500|ERR_INTERNET_DISCONNECTED/.test(fault));
});
