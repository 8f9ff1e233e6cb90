// The pages below a path of a host, behind a proxy that strips it. Requests outside of the path are answered with 404.

import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { createServer as createSocket } from 'node:net';

import { Application } from './application.mjs';
import { PASSWORD } from './person.mjs';
import { startService } from './service.mjs';
import { environment } from './environment.mjs';

const PREFIX = '/some/auth';

/** Requested paths outside of the prefix. @type {string[]} */
const strays = [];

/** @param {import('node:net').Server} server @returns {Promise<number>} */
function listen(server) {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(/** @type {import('node:net').AddressInfo} */ (server.address()).port));
  });
}

async function freePort() {
  const socket = createSocket();
  const port = await listen(socket);
  await new Promise((resolve) => socket.close(resolve));
  return port;
}

async function startBehindPrefix(settings) {
  const port = await freePort();
  const proxy = createServer((asked, answer) => {
    if (!asked.url.startsWith(`${PREFIX}/`)) {
      strays.push(asked.url);
      answer.writeHead(404).end();
      return;
    }
    const { method, headers } = asked;
    const onward = request({ host: '127.0.0.1', port, method, headers, path: asked.url.slice(PREFIX.length) });
    onward.on('response', (got) => got.pipe(answer.writeHead(got.statusCode, got.headers)));
    // The service may not listen yet.
    onward.on('error', () => answer.writeHead(502).end());
    asked.pipe(onward);
  });
  const url = `http://127.0.0.1:${await listen(proxy)}${PREFIX}`;
  const service = await startService({ ...settings, LISTEN: `127.0.0.1:${port}`, PUBLIC_URL: url });
  const { stop } = service;
  service.stop = async () => {
    proxy.closeAllConnections();
    proxy.close();
    await stop();
  };
  return service;
}

const story = environment({}, startBehindPrefix);

story('signing up, reloading and signing in again stay below the path', async (person) => {
  await person.page.goto(`${person.service.url}/`);
  await person.at('Sign in');
  assert.equal(new URL(person.page.url()).pathname, `${PREFIX}/account/login`);
  await person.signUp();

  const [cookie] = await person.context.cookies(person.service.page());
  assert.equal(cookie.path, PREFIX);
  // A reload has only the cookie to continue with.
  await person.page.reload();
  await person.at('Profile');
  await person.go('security');
  await person.at('Security');

  const { link } = await person.service.message(person.email, 'email_verification');
  assert.ok(link.startsWith(`${person.service.url}/account/verify-email#token=`), link);
  // A link that is opened and confirmed twice gets the same answer again.
  for (let times = 0; times < 2; times += 1) {
    await person.page.goto(link);
    await person.press('Verify the address');
    await person.sees('Your address is verified');
  }

  await person.context.clearCookies();
  await person.go('');
  await person.at('Sign in');
  await person.fill('E-mail address or user name', person.email);
  await person.fill('Password', PASSWORD);
  await person.press('Sign in');
  await person.at('Confirm that it is you');
  assert.deepEqual(
    strays.filter((path) => path !== '/favicon.ico'),
    [],
  );
});

story('an application signs a user in and out below the path', async (person) => {
  await person.signUp();
  const shop = await Application.register(person.service, 'Shop');
  await shop.begin(person);
  await person.press('Allow');
  await shop.tokens(person);
  await shop.end(person, { client_id: shop.id, post_logout_redirect_uri: shop.goodbye });
  await person.press('Yes, sign out');
  await person.page.waitForURL(shop.goodbye);
  await person.go('');
  await person.at('Sign in');
  assert.deepEqual(
    strays.filter((path) => path !== '/favicon.ico'),
    [],
  );
});

story('where there is no page, one says so', async (person) => {
  for (const path of ['/account/nothing', '/account/login/more', '/nothing']) {
    const answer = await person.page.goto(person.service.url + path);
    assert.equal(answer.status(), 404, path);
    await person.at('This page does not exist');
  }
  await person.follow('Sign in');
  await person.at('Sign in');
  assert.equal(new URL(person.page.url()).pathname, `${PREFIX}/account/login`);
});

story('a password manager finds the page on which the password is changed', async (person) => {
  const answer = await fetch(`${person.service.url}/.well-known/change-password`, { redirect: 'manual' });
  assert.equal(answer.status, 303);
  assert.equal(answer.headers.get('location'), person.service.page('security'));
  await person.signUp();
  await person.page.goto(`${person.service.url}/.well-known/change-password`);
  await person.at('Security');
  await person.part('Password').waitFor();
});
