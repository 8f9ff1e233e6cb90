// Every page with a keyboard, with a screen reader, on a narrow screen and in dark mode: axe-core finds no violations,
// nothing is wider than the screen, buttons and links are large enough.

import assert from 'node:assert/strict';

import { PASSWORD } from './person.mjs';
import { environment } from './environment.mjs';
import { OPEN, inspect } from './inspection.mjs';

const story = environment();

story(
  'the inspection finds what is wrong',
  async (person) => {
    await person.go('login');
    await person.at('Sign in');
    await person.page.evaluate(() => document.querySelector('label')?.remove());
    await assert.rejects(inspect(person, 'a field without a label'), /label \(critical\)/);
    await person.page.reload();
    await person.at('Sign in');
    await person.page.evaluate(() => (document.querySelector('h1').style.width = '400px'));
    await assert.rejects(inspect(person, 'a heading too wide'), /is \d+ wide on 320 pixels/);
  },
  OPEN,
);

story(
  'the pages without a session',
  async (person) => {
    for (const [name, heading] of [
      ['login', 'Sign in'],
      ['login-by-mail', 'Sign in by e-mail'],
      ['register', 'Create an account'],
      ['forgot-password', 'Forgotten password'],
      ['second-factor', 'Please sign in again'],
      ['verify-email', 'This link does not work'],
      ['magic-link#token=x', 'Sign in'],
      ['reset-password#token=x', 'This link does not work'],
      ['nothing', 'This page does not exist'],
      ['verify-email#token=x', 'This link does not work'],
      ['cancel-email-change#token=x', 'Stop the change of your address'],
    ]) {
      await person.go(name);
      await person.at(heading);
      await inspect(person, name);
    }
    await person.go('login');
    await person.press('Sign in');
    await person.sees('Please fill this in.');
    await inspect(person, 'missing fields');
    await person.fill('E-mail address or user name', 'absent');
    await person.fill('Password', 'nothing');
    await person.press('Sign in');
    await person.sees('The name or the password is wrong.');
    await inspect(person, 'an error');
  },
  OPEN,
);

story(
  'the way in',
  async (person) => {
    await person.register();
    await person.at('Protect your account');
    await inspect(person, 'set-up');
    person.secret = await person.scan();
    await person.confirm();
    await person.at('Recovery codes');
    await inspect(person, 'recovery-codes');
    await person.keepCodes();
    await person.at('Profile');
    await person.signOut();
    await person.knock();
    await person.at('Confirm that it is you');
    await inspect(person, 'second-factor');
    await person.press('Use a recovery code');
    await inspect(person, 'second-factor, recovery code');
  },
  OPEN,
);

story(
  'the pages with a session',
  async (person) => {
    await person.signUp();
    for (const tab of ['Profile', 'Security', 'Sessions', 'Activity', 'Token']) {
      await person.follow(tab);
      await person.at(tab);
      if (tab === 'Token') await person.page.getByText('valid', { exact: true }).waitFor();
      await inspect(person, tab);
    }
    await person.service.advance(600);
    await person.go('authenticator');
    await person.press('Show the QR code');
    await person.page.getByRole('dialog').waitFor();
    await inspect(person, 'the question before a sensitive change');
    await person.fill('Code', await person.code(), person.page.getByRole('dialog'));
    await person.page.locator('img.qr').waitFor();
    await inspect(person, 'authenticator');
  },
  OPEN,
);

story('with a keyboard alone', async (person) => {
  await person.signUp();
  await person.signOut();
  await person.page.reload();
  await person.at('Sign in');
  const { keyboard } = person.page;
  const focused = () =>
    person.page.evaluate(() => document.activeElement?.getAttribute('name') ?? document.activeElement?.textContent);
  await person.page.waitForFunction(() => document.activeElement?.getAttribute('name') === 'name');
  await keyboard.type(person.email);
  await keyboard.press('Tab');
  assert.equal(await focused(), 'password');
  await keyboard.type(PASSWORD);
  await keyboard.press('Enter');
  await person.at('Confirm that it is you');
  // The field has the focus. Screen readers say the name of the form before it.
  await person.page.waitForFunction(() => document.activeElement?.getAttribute('name') === 'code');
  await person.page.getByRole('form', { name: 'Confirm that it is you' }).waitFor();
  await keyboard.type(await person.code());
  await person.at('Profile');
  assert.equal(await focused(), 'Profile');
  await person.page.reload();
  await person.at('Profile');
  await keyboard.press('Tab');
  assert.equal(await focused(), 'Skip to the content');
  await keyboard.press('Enter');
  assert.equal(await person.page.evaluate(() => document.activeElement?.id), 'main');
  assert.equal(person.page.url(), person.service.page());
  const outline = await person.page
    .getByRole('link', { name: 'Security' })
    .evaluate((link) => (link.focus({ focusVisible: true }), getComputedStyle(link).outlineStyle));
  assert.equal(outline, 'solid');
});

story('what users set for their screens counts', async (person) => {
  const style = (selector, property) =>
    person.page.locator(selector).first().evaluate((element, name) => getComputedStyle(element)[name], property);
  await person.page.emulateMedia({ forcedColors: 'active' });
  await person.go('login');
  await person.press('Sign in');
  await person.sees('Please fill this in.');
  await person.fill('E-mail address or user name', 'absent');
  await person.fill('Password', 'nothing');
  await person.press('Sign in');
  await person.sees('The name or the password is wrong.');
  // The browser takes the backgrounds away, so a notice has an edge, and the entry of this page too.
  assert.notEqual(await style('.notice.bad', 'borderTopColor'), 'rgba(0, 0, 0, 0)');
  await person.signUp();
  assert.equal(await style('.tabs a[aria-current]', 'borderTopWidth'), '2px');
  assert.equal(await style('.tabs a:not([aria-current])', 'borderTopWidth'), '0px');

  await person.page.emulateMedia({ forcedColors: 'none', contrast: 'more' });
  assert.equal(await style('.hint', 'color'), await style('body', 'color'));
  await person.page.emulateMedia({ contrast: 'no-preference' });
  assert.notEqual(await style('.hint', 'color'), await style('body', 'color'));

  assert.notEqual(await style('button', 'transitionDuration'), '0s');
  await person.page.emulateMedia({ reducedMotion: 'reduce' });
  assert.equal(await style('button', 'transitionDuration'), '0s');
});
