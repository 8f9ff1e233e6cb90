// Two tabs of one browser share a session, and the cookie with its refresh token.

import assert from 'node:assert/strict';

import { PASSWORD } from './person.mjs';
import { environment } from './environment.mjs';

const story = environment();

async function second(person, name = '') {
  const tab = await person.context.newPage();
  await tab.goto(person.service.page(name));
  return tab;
}

story('both stay signed in when both refresh at the same moment, again and again', async (person) => {
  await person.signUp();
  const tab = await second(person);
  await person.at('Profile', tab);
  for (let turn = 0; turn < 3; turn += 1) {
    // The access tokens of both expire; the refresh token is the same.
    await person.service.advance(700);
    await Promise.all([person.page.reload(), tab.reload()]);
    await Promise.all([person.at('Profile'), person.at('Profile', tab)]);
    await person.service.advance(700);
    await Promise.all([person.page, tab].map((page) => page.getByRole('link', { name: 'Sessions' }).click()));
    await Promise.all([person.at('Sessions'), person.at('Sessions', tab)]);
    await Promise.all([person.page, tab].map((page) => page.getByRole('link', { name: 'Profile' }).click()));
    await Promise.all([person.at('Profile'), person.at('Profile', tab)]);
  }
});

story('both stay signed in without locks, too', async (person) => {
  await person.context.addInitScript(() => {
    delete Navigator.prototype.locks;
  });
  await person.signUp();
  assert.equal(await person.page.evaluate(() => 'locks' in navigator), false);
  const tab = await second(person);
  await person.at('Profile', tab);
  for (let turn = 0; turn < 3; turn += 1) {
    await person.service.advance(700);
    await Promise.all([person.page.reload(), tab.reload()]);
    await Promise.all([person.at('Profile'), person.at('Profile', tab)]);
  }
});

story('signing out in one signs out the other', async (person) => {
  await person.signUp();
  const tab = await second(person, 'sessions');
  await person.at('Sessions', tab);
  await person.signOut();
  await person.at('Sign in', tab);
  await tab.reload();
  await person.at('Sign in', tab);
});

story('signing in in one signs in the other', async (person) => {
  await person.signUp();
  await person.signOut();
  const tab = await second(person, 'login');
  await person.at('Sign in', tab);
  await person.logIn();
  await person.at('Profile', tab);
});

story('a tab does not act as another user who signed in elsewhere', async (person) => {
  await person.signUp();
  const post = (path, body) =>
    person.page.evaluate(
      async ([path, body]) => {
        const headers = { 'Content-Type': 'application/json' };
        return (await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) })).json();
      },
      [path, body],
    );
  const other = await post('/register', { email: 'other@example.com', password: PASSWORD });
  const code = await person.code(other.totp.secret);
  await post('/2fa/verify', { pre_auth_token: other.pre_auth_token, code, delivery: 'cookie' });
  await person.service.advance(700);
  await person.follow('Sessions');
  // The page is reloaded, for the user of the cookie.
  await person.at('Sessions');
  await person.follow('Profile');
  await person.at('Profile');
  await person.page.getByText('other@example.com').first().waitFor();
});

/** As a host below the same domain can, where the name of the cookie has no `__Host-`. */
story('a cookie of another session that stands before the own one does not fake a sign-out', async (person) => {
  await person.signUp();
  const { url } = person.service;
  const other = await person.service.call('POST', '/register', { email: 'planted@example.com', password: PASSWORD });
  const answer = await fetch(`${url}/2fa/verify`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      pre_auth_token: other.pre_auth_token,
      code: await person.code(other.totp.secret),
      delivery: 'cookie',
    }),
  });
  const [name, value] = answer.headers.get('set-cookie').split(';')[0].split('=');
  await person.context.addCookies([{ name, value, domain: new URL(url).hostname, path: '/logout' }]);
  await person.press('Sign out');
  await person.sees('Another account is signed in in this browser. Please reload the page.');
  await person.page.reload();
  await person.at('Profile');
  await person.page.getByText(person.email).first().waitFor();
});

story('back and forward lead through the pages', async (person) => {
  await person.signUp();
  await person.follow('Security');
  await person.at('Security');
  await person.follow('Sessions');
  await person.at('Sessions');
  await person.page.goBack();
  await person.at('Security');
  await person.page.goBack();
  await person.at('Profile');
  await person.page.goForward();
  await person.at('Security');
  assert.equal(await person.page.title(), 'Security – account');
});

story('no script can read the tokens of the session', async (person) => {
  await person.signUp();
  const cookies = await person.context.cookies();
  assert.deepEqual(
    cookies.map(({ name, httpOnly, sameSite }) => ({ name: name.replace(/_[0-9a-f]{8}$/, ''), httpOnly, sameSite })),
    [{ name: 'vestibule_refresh', httpOnly: true, sameSite: 'Strict' }],
  );
  const readable = await person.page.evaluate(() =>
    JSON.stringify([
      document.cookie,
      { ...sessionStorage },
      { ...localStorage },
      location.href,
      document.body.innerHTML,
    ]),
  );
  for (const secret of ['vrt_', 'vpa_', 'eyJ', person.secret, PASSWORD, ...person.recoveryCodes]) {
    assert.ok(!readable.includes(secret), secret);
  }
});
