// Registration: QR code, first code, recovery codes; and what a reload must not lose.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

import { PASSWORD } from './person.mjs';
import { environment } from './environment.mjs';

const story = environment();

story('a new user registers, scans the code, and saves the recovery codes', async (person) => {
  await person.page.goto(`${person.service.url}/`);
  await person.at('Sign in');
  assert.equal(person.page.url(), person.service.page('login'));
  await person.follow('Create an account');
  await person.at('Create an account');
  await person.fill('E-mail address', person.email);
  await person.fill('Password', PASSWORD);
  await person.press('Create the account');
  await person.at('Protect your account');
  person.secret = await person.scan();
  await person.fill('Code that the app shows', '000000');
  await person.sees('The code is wrong, has expired, or was used before. You have 4 attempts left.');
  await person.confirm();
  await person.at('Recovery codes');
  const codes = await person.page.locator('ol.codes li').allInnerTexts();
  assert.equal(codes.length, 10);
  assert.equal(new Set(codes).size, 10);

  await person.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await person.press('Copy');
  await person.sees('Copied.');
  assert.equal(await person.page.evaluate(() => navigator.clipboard.readText()), codes.join('\n'));

  const [file] = await Promise.all([person.page.waitForEvent('download'), person.press('Download')]);
  assert.equal(file.suggestedFilename(), 'recovery-codes.txt');
  const text = await readFile(await file.path(), 'utf8');
  assert.ok(codes.every((code) => text.includes(code)));

  await person.page.evaluate(() => {
    globalThis.print = () => (globalThis.printed = true);
  });
  await person.press('Print');
  assert.ok(await person.page.evaluate(() => globalThis.printed));
  await person.page.emulateMedia({ media: 'print' });
  assert.ok(await person.page.getByText(codes[9]).isVisible());
  assert.ok(!(await person.page.getByRole('button', { name: 'Print' }).isVisible()));
  await person.page.emulateMedia({ media: 'screen' });

  await person.press('Continue');
  await person.sees('Please tick this box first.');
  await person.keepCodes();
  await person.at('Profile');
  await person.sees(person.email);
  await person.go('recovery-codes');
  await person.sees('Recovery codes are shown only once');
});

story('a reload loses neither the enrolment nor the recovery codes nor the sign-in', async (person) => {
  await person.go('register');
  await person.fill('E-mail address', person.email);
  await person.page.reload();
  assert.equal(await person.page.getByLabel('E-mail address').inputValue(), person.email);
  await person.fill('Password', PASSWORD);
  await person.press('Create the account');
  await person.at('Protect your account');
  const secret = await person.scan();
  await person.page.reload();
  await person.at('Protect your account');
  assert.equal(await person.scan(), secret);
  await person.confirm(secret);
  await person.at('Recovery codes');
  const codes = await person.page.locator('ol.codes li').allInnerTexts();
  await person.page.reload();
  await person.at('Recovery codes');
  assert.deepEqual(await person.page.locator('ol.codes li').allInnerTexts(), codes);
  await person.keepCodes();
  await person.at('Profile');
  const left = await person.page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage }));
  assert.ok(!left.includes(secret) && !left.includes(codes[0]) && !/vpa_|vrt_|eyJ/.test(left), left);
  await person.page.reload();
  await person.at('Profile');
});

story('another QR code takes the place of the first', async (person) => {
  await person.register();
  await person.at('Protect your account');
  const first = await person.scan();
  await person.press('Show another QR code');
  await person.page.waitForFunction(
    (old) => !document.querySelector('code.secret')?.textContent.replaceAll(' ', '').includes(old),
    first,
  );
  const second = await person.scan();
  await person.confirm(second);
  await person.at('Recovery codes');
});

story('after the login has expired, a user signs in with the password and continues', async (person) => {
  await person.register();
  await person.at('Protect your account');
  const secret = await person.scan();
  await person.service.advance(320);
  await person.confirm(secret);
  await person.sees('This sign-in took too long');
  await person.press('Sign in again');
  await person.knock();
  // The secret belongs to the login that created it; the new login creates its own.
  await person.at('Protect your account');
  await person.confirm(await person.scan());
  await person.at('Recovery codes');
});

story('what cannot be taken is said at its field', async (person) => {
  const other = person.email.replace('person', 'taken');
  await person.service.call('POST', '/register', { email: other, password: PASSWORD });
  await person.go('register');
  await person.fill('Password', PASSWORD);
  for (const [email, text] of [
    ['', 'Please enter an e-mail address or a user name.'],
    ['nonsense', 'Please enter an e-mail address, such as jo@example.com.'],
    [other, 'There is already an account with this address.'],
  ]) {
    await person.fill('E-mail address', email);
    await person.press('Create the account');
    await person.sees(text);
    const field = person.page.getByLabel('E-mail address');
    assert.equal(await field.getAttribute('aria-invalid'), 'true');
    assert.ok(await field.evaluate((input) => input === document.activeElement));
    const described = await field.getAttribute('aria-describedby');
    assert.equal(await person.page.locator(`#${described}`).innerText(), text);
  }
  await person.fill('E-mail address', person.email);
  for (const [password, text] of [
    ['short', 'This password is too short. Please use at least 8 characters.'],
    ['password1234', 'This password is too easy to guess.'],
  ]) {
    await person.fill('Password', password);
    await person.press('Create the account');
    await person.sees(text);
  }
});
