// A device without a browser: its user types the code that it shows, and decides.

import assert from 'node:assert/strict';

import { Application } from './application.mjs';
import { PASSWORD } from './person.mjs';
import { environment } from './environment.mjs';
import { OPEN, inspect } from './inspection.mjs';

const story = environment();

/** A device that shows a code, and asks until its user has decided. */
class Device {
  static async begin(service, name) {
    const application = await Application.register(service, name);
    const body = new URLSearchParams({ client_id: application.id, scope: application.scopes.join(' ') });
    const answer = await fetch(`${service.url}/oauth/device_authorization`, { method: 'POST', body });
    assert.equal(answer.status, 200);
    return Object.assign(new Device(), { application, codes: await answer.json() });
  }

  async poll() {
    const answer = await this.application.token({
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: this.codes.device_code,
    });
    return answer.json();
  }
}

story('a user signs in on the way, types the code and allows the device', async (person) => {
  await person.signUp();
  await person.signOut();
  const tv = await Device.begin(person.service, 'TV');
  assert.equal(tv.codes.verification_uri, `${person.service.url}/account/device`);
  await person.page.goto(tv.codes.verification_uri_complete);
  await person.at('Sign in');
  await person.fill('E-mail address or user name', person.email);
  await person.fill('Password', PASSWORD);
  await person.press('Sign in');
  await person.at('Confirm that it is you');
  await person.fill('Code', await person.code());
  await person.at('Connect a device');
  assert.equal(new URL(person.page.url()).hash, '');
  assert.equal(await person.page.getByLabel('Code on your device').inputValue(), tv.codes.user_code);
  await person.press('Continue');
  await person.at('Connect TV to your account?');
  await person.sees(`You are signed in as ${person.email}`);
  await person.sees('See your e-mail address');
  await person.press('Allow');
  await person.at('Done');
  const tokens = await tv.poll();
  assert.equal(tokens.scope, tv.application.scopes.join(' '));
  await person.go('applications');
  await person.sees('TV');
});

story('a wrong code is told, and a refusal ends the matter', async (person) => {
  await person.signUp();
  const radio = await Device.begin(person.service, 'Radio');
  await person.go('device');
  await person.at('Connect a device');
  await person.fill('Code on your device', 'BBBB-BBBB');
  await person.press('Continue');
  await person.sees(/^This code is wrong or has expired\./);
  await person.fill('Code on your device', radio.codes.user_code.toLowerCase().replace('-', ' '));
  await person.press('Continue');
  await person.at('Connect Radio to your account?');
  await person.press('Deny');
  await person.sees('The device did not get access.');
  assert.equal((await radio.poll()).error, 'access_denied');
});

story('the account is named before the code is sent, and another one can be used', async (person, meet) => {
  const other = await meet();
  await other.signUp();
  await person.signUp();
  const first = person.email;
  const clock = await Device.begin(person.service, 'Clock');
  await person.page.goto(clock.codes.verification_uri_complete);
  await person.at('Connect a device');
  await person.sees(`You are signed in as ${first}`);
  await person.press('Use another account');
  await person.at('Sign in');
  [person.email, person.secret] = [other.email, other.secret];
  await person.fill('E-mail address or user name', person.email);
  await person.fill('Password', PASSWORD);
  await person.press('Sign in');
  await person.at('Confirm that it is you');
  await person.fill('Code', await person.code());
  await person.at('Connect a device');
  await person.sees(`You are signed in as ${person.email}`);
  assert.equal(await person.page.getByLabel('Code on your device').inputValue(), clock.codes.user_code);
  await person.press('Continue');
  await person.at('Connect Clock to your account?');
  assert.equal(await person.page.getByText(first).count(), 0);
  await person.sees(`You are signed in as ${person.email}`);
  // The question is made again by the code, which this session has seen.
  await person.page.reload();
  await person.at('Connect a device');
  await person.fill('Code on your device', clock.codes.user_code);
  await person.press('Continue');
  await person.at('Connect Clock to your account?');
  await person.press('Allow');
  await person.at('Done');
  assert.ok((await clock.poll()).access_token);
  await other.leave();
});

story(
  'the pages fit every screen',
  async (person) => {
    await person.signUp();
    const lamp = await Device.begin(person.service, 'Lamp');
    await person.go('device');
    await person.at('Connect a device');
    await inspect(person, 'device');
    await person.fill('Code on your device', lamp.codes.user_code);
    await person.press('Continue');
    await person.at('Connect Lamp to your account?');
    await inspect(person, 'device, question');
    await person.press('Allow');
    await person.at('Done');
    await inspect(person, 'device, done');
  },
  OPEN,
);
