// A registration hook: what it says to users, and nothing else, gets onto the page.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

import { PASSWORD } from './person.mjs';
import { environment } from './environment.mjs';
import { startService } from './service.mjs';

/** The words of the operator look like HTML. */
const REASON = 'Only <b>guests</b> & employees.';

/** Starts a service whose hook denies the name `denied`, and breaks a rule for the name `broken`. */
async function startDeciding(settings) {
  const hook = createServer(async (request, answer) => {
    const { data } = JSON.parse(await text(request));
    const denial = { allow: false, reason: REASON };
    answer.end(data.username === 'broken' ? 'no' : JSON.stringify(data.username === 'denied' ? denial : { allow: true }));
  });
  await new Promise((resolve) => hook.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (hook.address());
  const service = await startService({
    ...settings,
    REGISTRATION_HOOK_URL: `http://127.0.0.1:${port}/`,
    REGISTRATION_HOOK_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    REGISTRATION_HOOK_FAILURE: 'closed',
  });
  const { stop } = service;
  service.stop = async () => {
    await stop();
    hook.close();
  };
  return service;
}

const story = environment(undefined, startDeciding);

/** @param {import('./person.mjs').Person} person @param {[string, string, string]} labels @param {string} name */
async function register(person, [username, password, button], name) {
  await person.go('register');
  await person.fill(username, name);
  await person.fill(password, PASSWORD);
  await person.press(button);
}

const ENGLISH = /** @type {[string, string, string]} */ (['User name (optional)', 'Password', 'Create the account']);

story('a user reads why they cannot register, in the words of the operator', async (person) => {
  await register(person, ENGLISH, 'denied');
  await person.sees(`The operators of this service do not accept this registration. ${REASON}`);
  assert.equal(await person.page.locator('[role=alert] b').count(), 0);
});

story('a user is told to come back later if the hook does not answer as it should', async (person) => {
  await register(person, ENGLISH, 'broken');
  await person.sees('New accounts cannot be created at the moment. Try again later.');
});

story('a user who is allowed to registers as everywhere', async (person) => {
  await register(person, ENGLISH, `guest${process.pid}`);
  await person.at('Protect your account');
});

story(
  'the service says it in German, and the operator in their own words',
  async (person) => {
    await register(person, ['Benutzername (freiwillig)', 'Passwort', 'Konto erstellen'], 'denied');
    await person.sees(`Die Betreiber dieses Dienstes nehmen diese Registrierung nicht an. ${REASON}`);
  },
  { locale: 'de-DE' },
);
