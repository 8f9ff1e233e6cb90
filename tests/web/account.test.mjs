// The account pages of a signed-in user.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

import { PASSWORD } from './person.mjs';
import { environment } from './environment.mjs';

const story = environment();

/** Enters the proof that a sensitive change requires. */
async function proveOnceMore(person, { code }) {
  const dialog = person.page.getByRole('dialog');
  await dialog.getByRole('heading', { name: 'Is it you?' }).waitFor();
  await person.fill('Code', code, dialog);
  await dialog.waitFor({ state: 'detached' });
}

story('the address is verified and changed by mail', async (person) => {
  await person.signUp();
  await person.sees('not verified');
  await person.press('Send the e-mail again');
  await person.sees('If there is something to verify, an e-mail is on its way.');
  await person.page.goto((await person.service.message(person.email, 'email_verification')).link);
  await person.at('Verify your e-mail address');
  assert.equal(person.page.url(), person.service.page('verify-email'));
  await person.press('Verify the address');
  await person.at('Your address is verified');
  await person.follow('Profile');
  await person.at('Profile');
  await person.page.getByText('verified', { exact: true }).waitFor();

  const address = `new-${person.email}`;
  await person.service.advance(600);
  await person.fill('New e-mail address', address);
  await person.press('Change the address');
  await proveOnceMore(person, { code: await person.code() });
  await person.sees(`We sent an e-mail to ${address}.`);
  await person.page.goto((await person.service.message(address, 'email_change')).link);
  await person.press('Verify the address');
  await person.at('Your address is verified');
  await person.follow('Profile');
  await person.sees(address);
});

story('a change of address is stopped by the link in the mail to the old one', async (person) => {
  await person.signUp();
  await person.proveAddress();
  await person.go('');
  const address = `new-${person.email}`;
  await person.fill('New e-mail address', address);
  await person.press('Change the address');
  await person.sees(`We sent an e-mail to ${address}.`);
  const change = await person.service.message(address, 'email_change');
  const owner = await person.context.newPage();
  await owner.goto((await person.service.message(person.email, 'email_change_requested')).link);
  await person.at('Stop the change of your address', owner);
  await owner.getByRole('button', { name: 'Stop the change' }).click();
  await person.at('The change is stopped', owner);
  await owner.close();
  await person.page.goto(change.link);
  await person.at('This link does not work');
});

story('without a session the page that confirms an address asks for the password', async (person) => {
  await person.signUp();
  const { link } = await person.service.message(person.email, 'email_verification');
  await person.signOut();
  await person.page.goto(link);
  await person.at('Verify your e-mail address');
  await person.fill('Password', 'not the password');
  await person.press('Verify the address');
  await person.sees('The name or the password is wrong.');
  await person.fill('Password', PASSWORD);
  await person.press('Verify the address');
  await person.at('Your address is verified');
});

story('a cancelled dialog changes nothing', async (person) => {
  await person.signUp();
  await person.service.advance(600);
  await person.fill('New e-mail address', 'other@example.com');
  await person.press('Change the address');
  const dialog = person.page.getByRole('dialog');
  await dialog.waitFor();
  await person.page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  // The form reacts a moment after the dialog is closed.
  await person.page.getByRole('button', { name: 'Change the address', disabled: false }).waitFor();
  assert.equal(await person.page.getByLabel('New e-mail address').inputValue(), 'other@example.com');
  assert.deepEqual(await person.service.call('GET', '/dev/outbox?to=other%40example.com'), []);
});

story('user name and language of mails', async (person) => {
  await person.signUp();
  const name = person.part('User name');
  await person.fill('User name', 'x', name);
  await person.press('Save', name);
  await person.sees('Please enter 3 to 32 letters');
  await person.fill('User name', 'Jo.Doe', name);
  await person.press('Save', name);
  await name.getByText('Saved.').waitFor();
  const language = person.part('Language of e-mails');
  await language.getByLabel('Language').selectOption('de');
  await person.press('Save', language);
  await language.getByText('Saved.').waitFor();
  await person.page.reload();
  assert.equal(await name.getByLabel('User name').inputValue(), 'jo.doe');
  assert.equal(await language.getByLabel('Language').inputValue(), 'de');
  await person.signOut();
  await person.knock(PASSWORD, 'jo.doe');
  await person.at('Confirm that it is you');
});

story('the password is changed, and other devices are signed out', async (person, meet) => {
  await person.signUp();
  const other = await meet();
  Object.assign(other, { email: person.email, secret: person.secret });
  await other.logIn();
  await person.go('security');
  await person.fill('Current password', 'wrong');
  await person.fill('New password', 'heftklammer im regen');
  await person.press('Change the password');
  await person.sees('The current password is wrong.');
  // The proof of the sign-in is too old now, so the page asks for a code as well.
  await person.service.advance(600);
  await person.fill('Current password', PASSWORD);
  await person.press('Change the password');
  await proveOnceMore(person, { code: await person.code() });
  await person.sees('Your password was changed.');
  await other.follow('Sessions');
  await other.sees('Your session has ended. Please sign in again.');
  await other.at('Sign in');
  await other.leave();
  await person.signOut();
  await person.logIn('heftklammer im regen');
});

story('the authenticator is replaced', async (person) => {
  await person.signUp();
  await person.service.advance(600);
  await person.follow('Security');
  await person.follow('Replace the authenticator');
  await person.at('Authenticator app');
  await person.press('Show the QR code');
  // The password would be a right proof, but not one that this change accepts.
  await person.page.getByRole('dialog').getByRole('button', { name: 'Use a recovery code' }).waitFor();
  assert.equal(await person.page.getByRole('button', { name: 'Use your password' }).count(), 0);
  await proveOnceMore(person, { code: await person.code() });
  const secret = await person.scan();
  assert.notEqual(secret, person.secret);
  await person.page.reload();
  assert.equal(await person.scan(), secret);
  await person.fill('Code that the app shows', await person.code(secret));
  await person.at('Security');
  await person.sees('Your new authenticator is now active.');
  await person.signOut();
  person.secret = secret;
  await person.logIn();
});

story('new recovery codes take the place of the old ones', async (person) => {
  await person.signUp();
  await person.service.advance(600);
  await person.follow('Security');
  await person.press('Create new recovery codes');
  await proveOnceMore(person, { code: await person.code() });
  await person.at('Recovery codes');
  const codes = await person.page.locator('ol.codes li').allInnerTexts();
  assert.ok(!codes.includes(person.recoveryCodes[0]));
  await person.keepCodes();
  await person.at('Security');
  await person.signOut();
  await person.knock();
  await person.press('Use a recovery code');
  await person.fill('Recovery code', person.recoveryCodes[0]);
  await person.press('Sign in');
  await person.sees('The code is wrong, has expired, or was used before.');
  await person.fill('Recovery code', codes[0]);
  await person.press('Sign in');
  await person.at('Security');
});

story('sessions are seen and ended', async (person, meet) => {
  await person.signUp();
  const [phone, tablet] = [
    await meet({
      userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1',
    }),
    await meet({ userAgent: 'Mozilla/5.0 (Android 15; Tablet; rv:140.0) Gecko/140.0 Firefox/140.0' }),
  ];
  for (const device of [phone, tablet]) {
    Object.assign(device, { email: person.email, secret: person.secret });
    await device.logIn();
  }
  await person.follow('Sessions');
  const entry = (text) => person.page.getByRole('listitem').filter({ hasText: text });
  await entry('this device').filter({ hasText: 'Chrome on Linux' }).waitFor();
  await entry('Firefox on Android').waitFor();
  await person.press('End', entry('Safari on iOS'));
  await entry('Safari on iOS').waitFor({ state: 'detached' });
  await phone.page.reload();
  await phone.at('Sign in');
  await person.press('Sign out everywhere else');
  await entry('Firefox on Android').waitFor({ state: 'detached' });
  await tablet.follow('Sessions');
  await tablet.sees('Your session has ended.');
  await person.press('Sign out', entry('this device'));
  await person.at('Sign in');
  await person.page.reload();
  await person.at('Sign in');
  for (const device of [phone, tablet]) await device.leave();
});

story('what happened lately is listed, page by page', async (person) => {
  await person.signUp();
  for (let turn = 0; turn < 4; turn += 1) {
    await person.signOut();
    await person.logIn();
  }
  await person.follow('Activity');
  await person.at('Activity');
  const entries = person.page.locator('.list > li');
  const first = await entries.count();
  assert.equal(first, 20);
  await person.sees('Signed in');
  await person.press('Show more');
  await person.page.waitForFunction((count) => document.querySelectorAll('.list > li').length > count, first);
  await person.sees('Account created');
});

story('everything is exported', async (person) => {
  await person.signUp();
  const [file] = await Promise.all([person.page.waitForEvent('download'), person.press('Download your data')]);
  assert.equal(file.suggestedFilename(), 'account.json');
  const data = JSON.parse(await readFile(await file.path(), 'utf8'));
  assert.equal(data.user.email, person.email);
  assert.ok(data.events.length > 0 && data.sessions.length > 0);
});

story('the account is deleted', async (person) => {
  await person.signUp();
  await person.service.advance(600);
  await person.fill(`To confirm, type ${person.email}`, person.email);
  await person.press('Delete my account');
  await proveOnceMore(person, { code: await person.code() });
  await person.at('Your account is deleted');
  await person.knock();
  await person.sees('The name or the password is wrong.');
});

story('the token page shows what stands in it and what the service says', async (person, meet) => {
  await person.signUp();
  await person.follow('Token');
  await person.page.getByText('valid', { exact: true }).waitFor();
  const text = await person.page.locator('main').innerText();
  for (const part of ['"ES256"', '"at+jwt"', '"aal2"', person.service.url, 'jti', 'auth_time']) {
    assert.ok(text.includes(part), part);
  }
  assert.match(await person.page.getByRole('timer').innerText(), /^(10 minutes|9 minutes \d+ seconds?)$/);
  const left = await person.page.getByRole('timer').innerText();
  await person.page.waitForFunction((old) => document.querySelector('[role=timer]')?.textContent !== old, left);
  const raw = await person.page.locator('pre').innerText();
  const [, claims] = raw.split('.');
  assert.equal(JSON.parse(Buffer.from(claims, 'base64url')).iss, person.service.url);
  // Time advances for the service only: it no longer accepts the token, and issues another.
  await person.service.advance(900);
  await person.press('Ask again');
  await person.page.getByText('not valid', { exact: true }).waitFor();
  await person.press('Get a new token');
  await person.page.getByText('valid', { exact: true }).waitFor();
  assert.notEqual(await person.page.locator('pre').innerText(), raw);
  // The page sees at once that its session was ended elsewhere.
  const other = await meet();
  Object.assign(other, { email: person.email, secret: person.secret });
  await other.logIn();
  await other.follow('Sessions');
  const others = other.page.getByRole('button', { name: 'Sign out everywhere else' });
  await others.click();
  await others.waitFor({ state: 'detached' });
  await other.leave();
  await person.press('Ask again');
  await person.page.getByText('not valid', { exact: true }).waitFor();
});
