// The console: what administrators do without the command line.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

import { dialog, endpoint, insist, openConsole, prove, section, visit } from './administrator.mjs';
import { walkConsole } from './console-gallery.mjs';
import { environment } from './environment.mjs';
import { OPEN, inspect } from './inspection.mjs';
import { PASSWORD } from './person.mjs';
import { consoleTextsIn } from './texts.mjs';

const story = environment();

/** The pages of the console. The ids of three are none. */
const PAGES = ['', 'users', 'user?id=..', 'invite', 'applications', 'application?id=.', 'new-application', 'providers'];
PAGES.push('webhooks', 'webhook', 'new-webhook', 'trail', 'keys', 'health');

/** Finds a user by the beginning of the address, and opens their page. */
async function open(person, email) {
  await section(person, 'Users');
  await person.fill('Find an account', email.slice(0, -8));
  await person.press('Show');
  await person.follow(email);
  await person.at(email);
}

/** Reads the file that a button downloads. */
async function downloaded(person, button) {
  const [download] = await Promise.all([person.page.waitForEvent('download'), person.press(button)]);
  return readFile(await download.path(), 'utf8');
}

story('a user is disabled, and enabled again', async (person, meet) => {
  const jo = await meet();
  await jo.signUp();
  await openConsole(person);
  await open(person, jo.email);
  await person.page.getByRole('row', { name: /Chrome on Linux/ }).waitFor();
  assert.match(await person.page.title(), new RegExp(`^${jo.email} `));

  // Nothing happens without the answer to a question that names the account.
  await person.press('Disable the account');
  await dialog(person)
    .getByRole('heading', { name: `Disable ${jo.email}?` })
    .waitFor();
  await person.press('Cancel', dialog(person));
  await jo.page.reload();
  await jo.at('Profile');

  await insist(person, 'Access', 'Disable the account');
  await person.sees(`${jo.email} is disabled, and signed out everywhere.`);
  await person.page.getByText('disabled', { exact: true }).waitFor();
  await person.sees(/^The user is not signed in anywhere\./);
  await jo.page.reload();
  await jo.at('Sign in');
  await jo.knock();
  await jo.sees('The name or the password is wrong.');

  await person.press('Enable the account');
  await person.sees(`${jo.email} can sign in again.`);
  await jo.logIn();
  await jo.leave();
});

story('a user is invited, and gets roles and claims', async (person) => {
  await openConsole(person);
  await section(person, 'Users');
  await person.follow('Invite a user');
  await person.at('Invite a user');
  const email = `invited-${person.email}`;
  await person.fill('E-mail address', email);
  await person.press('Send the invitation');
  await person.at(email);
  await person.sees(`The invitation to ${email} is on its way.`);

  const roles = person.part('Roles');
  await person.fill('All roles of the account', 'editor', roles);
  await person.press('Save', roles);
  await person.sees('The e-mail address of the account is not verified yet.');
  const { token } = await person.service.message(email, 'invitation');
  await person.service.call('POST', '/password/reset', { token, new_password: PASSWORD });
  await person.fill('All roles of the account', 'editor, reader', roles);
  await person.press('Save', roles);
  await person.sees('Access tokens have these roles from the next refresh on.');
  const claims = person.part('Claims');
  await person.fill('All claims of the account', '{"plan": ', claims);
  await person.press('Save', claims);
  await person.sees('Please enter a JSON object');
  await person.fill('All claims of the account', '{"plan": "gold"}', claims);
  await person.press('Save', claims);
  await person.sees('Access tokens have these claims from the next refresh on.');
  await person.page.reload();
  await person.at(email);
  assert.equal(await roles.getByLabel('All roles of the account').inputValue(), 'editor reader');
  assert.deepEqual(JSON.parse(await claims.getByLabel('All claims of the account').inputValue()), { plan: 'gold' });

  await person.press('Delete the account', person.part('Delete the account'));
  await person.press('Delete the account', dialog(person));
  await person.sees('Please fill this in.');
  await person.fill(`Type “${email}” to confirm`, 'another', dialog(person));
  await person.press('Delete the account', dialog(person));
  await person.sees('This is not the same name.');
  await person.fill(`Type “${email}” to confirm`, email, dialog(person));
  await person.press('Delete the account', dialog(person));
  await person.at('Users');
  await person.sees(`${email} is deleted.`);
});

story('second factors are reset, and administrators cannot lock themselves out', async (person, meet) => {
  const jo = await meet();
  await jo.signUp();
  await openConsole(person);
  await open(person, jo.email);
  await person.sees('authenticator app');
  await insist(person, 'Second factors', 'Reset the second factors');
  await person.sees(`The second factors of ${jo.email} are removed.`);
  await jo.knock();
  await jo.at(jo.texts.setUp);
  await jo.leave();

  await open(person, person.email);
  await person.sees('This is your own account.');
  await insist(person, 'Access', 'Disable the account');
  await person.sees('You cannot do this to your own account.');
  await person.press('Cancel', dialog(person));
  await insist(person, 'Sessions', 'Sign out everywhere');
  await person.at('Sign in');
});

story('an application is registered, gets another secret, and is deleted', async (person) => {
  await openConsole(person);
  await section(person, 'Applications');
  await person.follow('Register an application');
  const name = `Shop of ${person.email}`;
  await person.fill('Name', name);
  await person.page.getByLabel('Kind').selectOption('confidential');
  await person.fill('Redirect URIs', 'nonsense');
  await person.press('Register');
  await person.sees('Please enter at most 20 URIs, one a line: https');
  await person.fill('Redirect URIs', 'https://shop.example.com/callback\nhttps://shop.example.com/other');
  await person.press('Register');
  await person.at(name);
  const secret = await person.page.locator('code.secret').innerText();
  assert.match(secret, /^vcs_/);
  const id = new URL(person.page.url()).searchParams.get('id');
  const works = async (secret) => {
    const headers = { Authorization: `Basic ${btoa(`${id}:${secret}`)}` };
    const body = new URLSearchParams({ token: 'x' });
    return (await fetch(`${person.service.url}/oauth/revoke`, { method: 'POST', headers, body })).ok;
  };
  assert.ok(await works(secret));
  // It survives the choice of another language, and nothing else.
  await person.press('Deutsch');
  await person.sees('Das neue Geheimnis');
  await person.press('English');
  assert.equal(await person.page.locator('code.secret').innerText(), secret);
  await person.page.reload();
  await person.at(name);
  assert.equal(await person.page.locator('code.secret').count(), 0);

  await person.page.getByLabel('The old secret works for').selectOption('0');
  await person.press('Make a new secret');
  await person.sees('The new secret');
  const renewed = await person.page.locator('code.secret').innerText();
  assert.deepEqual([await works(secret), await works(renewed)], [false, true]);
  await person.press('I have stored the secret');
  assert.equal(await person.page.locator('code.secret').count(), 0);

  await person.fill('Scopes', 'openid orders:read');
  await person.press('Save');
  await person.sees('Saved.');
  await person.press('Delete the application', person.part('Delete the application'));
  await person.fill(`Type “${name}” to confirm`, name, dialog(person));
  await person.press('Delete the application', dialog(person));
  await person.sees(`${name} is deleted.`);
  assert.equal(await works(renewed), false);
});

story('a webhook is created, tried, paused, replayed and deleted', async (person) => {
  const { url, messages, close } = await endpoint();
  await openConsole(person);
  await section(person, 'Webhooks');
  await person.follow('Create a webhook');
  await person.fill('URL', 'nonsense');
  await person.press('Create');
  await person.sees('Please enter an https URL that the service can reach');
  await person.fill('URL', url);
  await person.page.getByLabel('user.disabled').check();
  await person.press('Create');
  await person.at(url);
  assert.match(await person.page.locator('code.secret').innerText(), /^whsec_/);
  await person.press('I have stored the secret');

  await person.press('Send a test message');
  await person.sees('The test message is on its way.');
  await person.page.getByRole('row', { name: /webhook\.test/ }).waitFor();
  for (let tries = 0; messages.length === 0 && tries < 100; tries += 1) await person.page.waitForTimeout(100);
  assert.equal(messages[0].body.type, 'webhook.test');
  assert.ok(messages[0].headers['webhook-signature']);
  const delivered = person.page.getByRole('row', { name: /webhook\.test.*delivered/ });
  for (let tries = 0; (await delivered.count()) === 0 && tries < 50; tries += 1) {
    await person.press('Reload the messages');
    await person.page.waitForTimeout(200);
  }
  await delivered.waitFor();
  await person.follow('given up');
  await person.sees('There are no such messages.');
  const [page] = person.page.url().split('&');
  await person.page.goto(`${page}&state=nope`);
  await person.sees('There is no such state.');

  // What is typed into a form stays, whatever else is done on the page.
  const change = person.part('Change the webhook');
  const [target, created] = [change.getByLabel('URL'), change.getByLabel('user.created')];
  const typed = () => Promise.all([target.inputValue(), created.isChecked()]);
  await person.page.goto(page);
  await person.at(url);
  await person.fill('URL', `${url}/typed`, change);
  await created.check();
  await person.fill('Since', '2020-02-02T02:02');
  await person.press('Reload the messages');
  await person.press('Send a test message');
  await person.sees('The test message is on its way.');
  assert.deepEqual(await typed(), [`${url}/typed`, true]);
  assert.equal(await person.page.getByLabel('Since').inputValue(), '2020-02-02T02:02');

  await person.press('Pause');
  await dialog(person)
    .getByRole('heading', { name: `Pause ${url}?` })
    .waitFor();
  await person.press('Pause', dialog(person));
  await person.page.getByText('paused', { exact: true }).waitFor();
  await person.sees('Resume the webhook first.');
  await person.press('Resume');
  await person.page.getByText('in use', { exact: true }).waitFor();
  assert.deepEqual(await typed(), [`${url}/typed`, true]);
  await person.fill('Since', '2001-01-01T00:00');
  await person.press('Send past events again');
  await person.sees('Please enter a time in the past, at most a year ago.');
  await insist(person, 'Make a new secret', 'Make a new secret');
  await person.sees('The new secret');
  await person.press('Delete the webhook', person.part('Delete the webhook'));
  await person.fill(`Type “${url}” to confirm`, url, dialog(person));
  await person.press('Delete the webhook', dialog(person));
  await person.at('Webhooks');
  await person.sees('There is no webhook yet.');
  close();
});

story('the trail is filtered and exported', async (person) => {
  await openConsole(person);
  for (let tries = 0; tries < 3; tries += 1) {
    const wrong = { email: person.email, password: 'this is not it' };
    await assert.rejects(person.service.call('POST', '/login', wrong), /401/);
  }
  // A program that calls itself what a spreadsheet would compute.
  const headers = { 'Content-Type': 'application/json', 'User-Agent': '=HYPERLINK("x")' };
  const body = JSON.stringify({ email: person.email, password: 'this is not it' });
  await fetch(`${person.service.url}/login`, { method: 'POST', headers, body });
  await section(person, 'Trail');
  await person.page.getByLabel('Event', { exact: true }).selectOption('authn_login_fail');
  await person.press('Show');
  await person.page.waitForFunction(() => new URLSearchParams(location.search).get('event') === 'authn_login_fail');
  // What was chosen is in the URL.
  await person.page.reload();
  await person.at('Trail');
  const rows = person.page.locator('#main tbody tr:not(.details)');
  const chosen = person.page.getByRole('row', { name: /Sign-in with a wrong password failed/ });
  assert.ok((await chosen.count()) >= 4);
  assert.equal(await rows.count(), await chosen.count());
  assert.equal(await person.page.getByLabel('Event', { exact: true }).inputValue(), 'authn_login_fail');

  // A screen reader tells the controls of the rows apart.
  await person.page.getByRole('search', { name: 'Filter' }).waitFor();
  const names = await rows.locator('button').evaluateAll((all) => all.map((button) => button.ariaLabel));
  assert.ok(names.every((name) => /^Show the event of .+: Sign-in with a wrong password$/.test(name)), String(names));
  const [open, details] = [rows.first().getByRole('button'), person.page.locator('#main tbody tr.details').first()];
  assert.ok(await details.isHidden());
  await open.click();
  await details.getByText('authn_login_fail').waitFor();
  assert.equal(await open.getAttribute('aria-expanded'), 'true');
  assert.equal(await open.getAttribute('aria-controls'), await details.getAttribute('id'));
  await open.click();
  await details.waitFor({ state: 'hidden' });

  const exported = JSON.parse(await downloaded(person, 'Download as JSON'));
  assert.ok(exported.length >= 4 && exported.every(({ event }) => event === 'authn_login_fail'));
  const [head, ...lines] = (await downloaded(person, 'Download as CSV')).trim().split('\r\n');
  assert.ok(head.startsWith('\uFEFFid,') || head.includes('event'), head);
  assert.equal(lines.length, exported.length);
  assert.ok(lines.every((line) => line.includes('authn_login_fail')));
  assert.equal(lines.filter((line) => line.includes(`"'=HYPERLINK(""x"")"`)).length, 1);

  await person.fill('ID of an account', 'not an id');
  await person.press('Show');
  await person.sees('Please enter the whole ID of an account.');
});

story('a link to nothing leads to what there is', async (person, meet) => {
  const jo = await meet();
  await jo.signUp();
  await openConsole(person);
  await open(person, jo.email);
  const deleted = person.page.url().split('/console/')[1];
  await person.service.operate(['users', 'delete', jo.email, '--yes']);
  const absent = 'id=0198a000-0000-7000-8000-000000000000';
  for (const [name, heading, list, title] of [
    [deleted, 'There is no such user', 'All users', 'Users'],
    ['user?id=..', 'There is no such user', 'All users', 'Users'],
    ['user', 'There is no such user', 'All users', 'Users'],
    [`application?${absent}`, 'There is no such application', 'All applications', 'Applications'],
    ['application?id=.', 'There is no such application', 'All applications', 'Applications'],
    [`webhook?${absent}`, 'There is no such webhook', 'All webhooks', 'Webhooks'],
    ['webhook?id=%2e%2e', 'There is no such webhook', 'All webhooks', 'Webhooks'],
  ]) {
    await visit(person, name);
    await person.at(heading);
    await person.follow(list);
    await person.at(title);
  }
  await jo.leave();
});

story('an address without a page is answered by the console, in its frame', async (person, meet) => {
  await openConsole(person);
  for (const name of ['nothing', 'users/1', 'js/console/nothing.js']) {
    const answer = await person.page.goto(`${person.service.url}/console/${name}`);
    assert.equal(answer.status(), 404, name);
    await person.at('This page does not exist');
    assert.match(await person.page.title(), /^This page does not exist – console$/);
    await person.page.locator('#side').getByRole('link', { name: 'Users', exact: true }).waitFor();
    await person.follow('Overview of the console');
    await person.at('Overview');
  }
  // The page has nothing of the service, so it is there without a sign-in, too.
  const stranger = await meet();
  await visit(stranger, 'nothing');
  await stranger.at('This page does not exist');
  assert.ok(await stranger.page.locator('#side').isHidden());
  assert.equal(await stranger.page.getByRole('button', { name: 'Sign out' }).count(), 0);
  await stranger.follow('Overview of the console');
  await stranger.at('Sign in');
  await stranger.register();
  await stranger.setUp();
  await stranger.at('The console is for administrators');
  await visit(stranger, 'nothing');
  await stranger.at('The console is for administrators');
  await stranger.leave();
});

story('one session of a user ends, and no other', async (person, meet) => {
  const jo = await meet();
  await jo.signUp();
  const userAgent = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0';
  const elsewhere = await meet({ userAgent });
  Object.assign(elsewhere, { email: jo.email, secret: jo.secret });
  await elsewhere.logIn();
  await openConsole(person);
  await open(person, jo.email);
  const sessions = person.part('Sessions');
  await sessions.getByRole('row', { name: /Chrome on Linux/ }).waitFor();
  const row = sessions.getByRole('row', { name: /Firefox on Windows/ });
  // A screen reader tells the buttons of the rows apart.
  await row.getByRole('button', { name: /^End: Firefox on Windows, / }).click();
  await dialog(person).getByRole('heading', { name: `End a session of ${jo.email}?` }).waitFor();
  await person.press('Cancel', dialog(person));
  await elsewhere.page.reload();
  await elsewhere.at('Profile');
  await row.getByRole('button').click();
  await person.press('End the session', dialog(person));
  await person.sees(`The session of ${jo.email} has ended.`);
  await row.waitFor({ state: 'detached' });
  await elsewhere.page.reload();
  await elsewhere.at('Sign in');
  await jo.page.reload();
  await jo.at('Profile');

  // A session that has ended meanwhile.
  await sessions.getByRole('button', { name: /^End: Chrome on Linux, / }).click();
  await jo.signOut();
  await person.press('End the session', dialog(person));
  await person.sees('This session has ended already.');
  await person.press('Cancel', dialog(person));

  await open(person, person.email);
  const own = person.part('Sessions').getByRole('row', { name: /this device/ });
  await own.getByRole('button').click();
  await person.sees('You use this session now. You will be signed out.');
  await person.press('End the session', dialog(person));
  await person.at('Sign in');
  await jo.leave();
  await elsewhere.leave();
});

story('users are found by their state', async (person, meet) => {
  const jo = await meet();
  await jo.signUp();
  await jo.proveAddress();
  await openConsole(person);
  await person.service.operate(['users', 'disable', jo.email]);
  const ann = `ann-${person.email}`;
  await person.service.call('POST', '/register', { email: ann, password: PASSWORD });
  await section(person, 'Users');
  const found = (email) => person.page.getByRole('link', { name: email, exact: true });
  for (const [state, email, other] of [
    ['disabled', jo.email, ann],
    ['unverified', ann, jo.email],
  ]) {
    await person.page.getByLabel('State', { exact: true }).selectOption(state);
    await person.press('Show');
    await found(other).waitFor({ state: 'detached' });
    await found(email).waitFor();
    assert.equal(new URL(person.page.url()).searchParams.get('state'), state);
    assert.equal(await found(person.email).count(), 0);
  }
  // What was chosen is in the URL.
  await person.page.reload();
  await found(ann).waitFor();
  assert.equal(await person.page.getByLabel('State', { exact: true }).inputValue(), 'unverified');
  await person.page.getByLabel('State', { exact: true }).selectOption('codes_disabled');
  await person.press('Show');
  await person.sees('There are no such accounts.');
  await visit(person, 'users?state=nope');
  await person.sees('There is no such state.');
  await jo.leave();
});

story('what is typed survives the choice of another language', async (person) => {
  await openConsole(person);
  await open(person, person.email);
  await person.fill('All roles of the account', 'admin editor');
  await person.fill('All claims of the account', '{"plan": "gold"}');
  await person.press('Français');
  await person.page.waitForFunction(() => document.documentElement.lang === 'fr');
  assert.equal(await person.page.getByLabel('Tous les rôles du compte').inputValue(), 'admin editor');
  assert.equal(await person.page.getByLabel('Tous les attributs du compte').inputValue(), '{"plan": "gold"}');
  await person.press('English');

  await visit(person, 'new-application');
  await person.at('Register an application');
  await person.fill('Name', 'Shop');
  await person.page.getByLabel('Kind').selectOption('confidential');
  await person.page.getByLabel('It belongs to this service').check();
  await person.press('Español');
  await person.at('Registrar una aplicación');
  assert.equal(await person.page.getByLabel('Nombre').inputValue(), 'Shop');
  assert.equal(await person.page.getByLabel('Tipo').inputValue(), 'confidential');
  assert.ok(await person.page.getByLabel('Pertenece a este servicio').isChecked());
  // What was not changed is as in a new form.
  assert.ok(!(await person.page.getByLabel(/DPoP/).isChecked()));
});

story('a list goes on where it ended', async (person) => {
  await openConsole(person);
  for (let number = 0; number < 55; number += 1) {
    const body = { email: `many-${number}-${person.email}`, password: PASSWORD };
    await person.service.call('POST', '/register', body);
  }
  await visit(person, 'users?query=many-');
  await person.at('Users');
  const rows = person.page.locator('#main tbody tr');
  assert.equal(await rows.count(), 50);
  await person.press('Show more');
  await person.page.getByText('5 more entries.').waitFor({ state: 'attached' });
  assert.equal(await rows.count(), 55);
  // A user with a keyboard goes on at the first of the new rows.
  assert.ok(await rows.nth(50).evaluate((row) => row === document.activeElement));
  assert.equal(await person.page.getByRole('button', { name: 'Show more' }).count(), 0);
  await visit(person, 'users?role=admin');
  await person.at('Users');
  assert.ok((await rows.count()) >= 1);
  assert.equal(await person.page.getByRole('link', { name: /^many-/ }).count(), 0);
  await visit(person, 'users?role=editor');
  await person.sees('The list shows all accounts, or administrators only.');
});

story('a long URL is cut nowhere, and pushes nothing out of view', async (person) => {
  await openConsole(person);
  const url = `http://127.0.0.1:9/hooks/${'abcdef'.repeat(25)}`;
  await visit(person, 'new-webhook');
  await person.fill('URL', url);
  await person.press('Create');
  await person.at(url);
  const own = new URL(person.page.url()).search;
  for (const width of [320, 1280]) {
    await person.page.setViewportSize({ width, height: 800 });
    for (const [name, heading] of [
      ['webhooks', 'Webhooks'],
      [`webhook${own}`, url],
    ]) {
      await visit(person, name);
      await person.at(heading);
      const cut = await person.page.evaluate(() =>
        [...document.querySelectorAll('#main h1, #main .table-box, #main tbody *')]
          .filter((part) => part.getBoundingClientRect().right > innerWidth || part.scrollWidth > part.clientWidth + 1)
          .filter((part) => getComputedStyle(part).display !== 'inline')
          .map((part) => part.outerHTML.slice(0, 100)),
      );
      assert.deepEqual(cut, [], `${name}, ${width} pixels`);
    }
  }
  await person.press('Delete the webhook', person.part('Delete the webhook'));
  await person.fill(`Type “${url}” to confirm`, url, dialog(person));
  await person.press('Delete the webhook', dialog(person));
  await person.at('Webhooks');
});

story('figures, keys and health are shown', async (person) => {
  await openConsole(person);
  const signIns = person.page.getByRole('figure', { name: 'Sign-ins', exact: true });
  assert.ok(Number(await signIns.locator('.figure').innerText()) >= 1);
  // Hours are shown in the zone of the browser.
  assert.equal(await person.page.getByText('Days are those of UTC.').count(), 0);
  await signIns.getByText('Show the numbers').click();
  assert.equal(await signIns.locator('tbody tr').count(), 24);
  await person.follow('The last 30 days');
  await signIns.locator('tbody tr').nth(29).waitFor({ state: 'attached' });
  assert.equal(new URL(person.page.url()).search, '?span=month');
  assert.equal(await signIns.locator('tbody tr').count(), 30);
  await person.sees('Days are those of UTC.');

  await section(person, 'Keys');
  assert.equal(await person.page.locator('#main tbody tr').count(), 2);
  // The next key was published with the service, some minutes ago by this clock.
  await person.service.advance(361);
  await insist(person, 'Rotate now', 'Rotate now');
  await person.sees('A new key signs from now on.');
  assert.equal(await person.page.locator('#main tbody tr').count(), 3);
  await insist(person, 'Rotate now', 'Rotate now');
  await person.sees('The next key has not been published for long enough');
  await person.press('Cancel', dialog(person));
  await section(person, 'Health');
  await person.sees(/^Version \d+\.\d+\.\d+$/);
  await person.page.getByRole('row', { name: /E-mails to users/ }).waitFor();
  await section(person, 'Providers');
  await person.sees(/^There is no provider yet\./);
});

story('the console is for administrators, who come back to it after the sign-in', async (person) => {
  await person.signUp();
  await visit(person, 'users');
  await person.at('The console is for administrators');
  await person.sees(`You are signed in as ${person.email}. This account does not have the role “admin”.`);
  await person.press('Sign out');
  await person.at('Sign in');
  assert.equal(person.page.url(), person.service.page('login'));
  await person.proveAddress();
  await person.service.operate(['users', 'grant', person.email, 'admin']);

  await visit(person, 'users?query=person');
  await person.at('Sign in');
  await person.fill('E-mail address or user name', person.email);
  await person.fill('Password', PASSWORD);
  await person.press('Sign in');
  await person.at('Confirm that it is you');
  await person.fill('Code', await person.code());
  await person.at('Users');
  assert.equal(person.page.url(), `${person.service.url}/console/users?query=person`);
  // Its account pages lead to the console.
  await person.go('');
  await person.follow('Open the console');
  await person.at('Overview');
  // Another tab signs out.
  const tab = await person.context.newPage();
  await tab.goto(person.service.page());
  await person.at('Profile', tab);
  await tab.getByRole('button', { name: 'Sign out' }).click();
  await person.at('Sign in');
});

story('a user without the role sees no data in the answers either', async (person) => {
  await person.signUp();
  const statuses = [];
  person.page.on('response', (response) => {
    if (response.url().includes('/admin/')) statuses.push(response.status());
  });
  for (const name of PAGES) {
    await visit(person, name);
    await person.at('The console is for administrators');
    // Nothing leads to a page that would be refused as well, or to factors that would not help.
    assert.ok(await person.page.locator('#side').isHidden());
    assert.equal(await person.page.locator('#main form').count(), 0);
    assert.deepEqual(await person.page.locator('#main a').allInnerTexts(), ['Your account']);
  }
  assert.ok(statuses.length >= PAGES.length && statuses.every((status) => status === 403), String(statuses));
});

story('the console speaks every language of the account pages', async (person) => {
  await openConsole(person);
  const lang = () => person.page.evaluate(() => document.documentElement.lang);
  for (const [name, tag, heading, users, account, profile] of [
    ['Deutsch', 'de', 'Übersicht', 'Benutzer', 'Ihr Konto', 'Profil'],
    ['Français', 'fr', 'Vue d’ensemble', 'Utilisateurs', 'Votre compte', 'Profil'],
    ['Español', 'es', 'Resumen', 'Usuarios', 'Su cuenta', 'Perfil'],
    ['English', 'en', 'Overview', 'Users', 'Your account', 'Profile'],
  ]) {
    await visit(person);
    await person.press(name);
    await person.at(heading);
    assert.equal(await lang(), tag);
    await section(person, users);
    // The account pages and the console share the choice.
    await person.follow(account);
    await person.at(profile);
    assert.equal(await lang(), tag);
  }
});

for (const [language, locale] of [
  ['en', 'en-GB'],
  ['de', 'de-DE'],
  ['fr', 'fr-FR'],
  ['es', 'es-ES'],
]) {
  story(
    `every page is accessible, on a phone and a desktop, in ${language}`,
    async (person) => walkConsole(person, await consoleTextsIn(language), (name) => inspect(person, name)),
    { ...OPEN, locale },
  );
}

story('what outlasts the token asks for a proof first, once for all that follows', async (person, meet) => {
  const jo = await meet();
  await jo.signUp();
  await jo.proveAddress();
  await openConsole(person);
  await open(person, jo.email);
  await person.service.advance(400);
  const roles = person.part('Roles');
  await person.fill('All roles of the account', 'editor', roles);
  await person.press('Save', roles);
  const question = person.page.getByRole('dialog', { name: 'Is it you?' });
  await question.waitFor();
  await person.press('Cancel', question);
  await question.waitFor({ state: 'detached' });
  assert.deepEqual((await account(person, jo)).roles, []);
  await person.press('Save', roles);
  await prove(person);
  await person.sees('Access tokens have these roles from the next refresh on.');
  assert.deepEqual((await account(person, jo)).roles, ['editor']);

  // The question of a dangerous act stays below that for the proof.
  await person.service.advance(400);
  await person.press('Reset the second factors', person.part('Second factors'));
  await person.press('Reset the second factors', dialog(person));
  await prove(person);
  await person.sees(`The second factors of ${jo.email} are removed.`);
  // What is typed elsewhere on the page survives an act.
  const claims = person.page.getByLabel('All claims of the account');
  await claims.fill('{"plan": "gold"}');
  await insist(person, 'Sessions', 'Sign out everywhere');
  await person.sees(`${jo.email} is signed out everywhere.`);
  assert.equal(await claims.inputValue(), '{"plan": "gold"}');
  await person.press('Save', person.part('Claims'));
  await person.sees('Access tokens have these claims from the next refresh on.');
  assert.deepEqual((await account(person, jo)).claims, { plan: 'gold' });
  // Locking a user out is not held up.
  await person.service.advance(400);
  await insist(person, 'Access', 'Disable the account');
  await person.sees(`${jo.email} is disabled, and signed out everywhere.`);
  await jo.leave();
});

/** The account of a user, as the operator sees it. */
async function account(person, { email }) {
  const { stdout } = await person.service.operate(['users', 'show', email, '--json']);
  return JSON.parse(stdout);
}

story('with a keyboard alone', async (person) => {
  await openConsole(person);
  const { keyboard } = person.page;
  const focused = () => person.page.evaluate(() => document.activeElement?.textContent);
  await person.page.getByRole('link', { name: 'Users', exact: true }).focus();
  await keyboard.press('Enter');
  await person.at('Users');
  // The heading has the focus, so that a screen reader announces the page.
  assert.equal(await focused(), 'Users');
  await person.page.getByRole('link', { name: person.email }).focus();
  await keyboard.press('Enter');
  await person.at(person.email);
  await person.page.getByRole('button', { name: 'Disable the account' }).focus();
  await keyboard.press('Enter');
  assert.equal(await focused(), `Disable ${person.email}?`);
  await keyboard.press('Escape');
  await dialog(person).waitFor({ state: 'detached' });
  assert.equal(await focused(), 'Disable the account');
});
