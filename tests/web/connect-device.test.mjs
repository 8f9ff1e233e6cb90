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
  await person.at('Your second factor');
  await person.fill('Code', await person.code());
  await person.press('Sign in');
  await person.at('Connect a device');
  assert.equal(new URL(person.page.url()).hash, '');
  assert.equal(await person.page.getByLabel('Code on the device').inputValue(), tv.codes.user_code);
  await person.press('Continue');
  await person.at('Give TV access on your device?');
  await person.sees('It sees your e-mail address.');
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
  await person.fill('Code on the device', 'BBBB-BBBB');
  await person.press('Continue');
  await person.sees(/^This code is wrong or has expired\./);
  await person.fill('Code on the device', radio.codes.user_code.toLowerCase().replace('-', ' '));
  await person.press('Continue');
  await person.at('Give Radio access on your device?');
  await person.press('Refuse');
  await person.sees('The device gets no access.');
  assert.equal((await radio.poll()).error, 'access_denied');
});

story(
  'the pages fit every screen',
  async (person) => {
    await person.signUp();
    const lamp = await Device.begin(person.service, 'Lamp');
    await person.go('device');
    await person.at('Connect a device');
    await inspect(person, 'device');
    await person.fill('Code on the device', lamp.codes.user_code);
    await person.press('Continue');
    await person.at('Give Lamp access on your device?');
    await inspect(person, 'device, question');
    await person.press('Allow');
    await person.at('Done');
    await inspect(person, 'device, done');
  },
  OPEN,
);
