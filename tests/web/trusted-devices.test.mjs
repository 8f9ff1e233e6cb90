// Trusted devices: the second step is asked once, until the trust ends.

import assert from 'node:assert/strict';
import { describe } from 'node:test';

import { environment } from './environment.mjs';
import { OPEN, inspect } from './inspection.mjs';

const SETTINGS = { TRUSTED_DEVICE_TTL: '2592000' };
const ASK = 'Do not ask on this device for 30 days';

/** Signs in with a code, and trusts the device. */
async function trust(person, label = ASK) {
  await person.knock();
  await person.at('Confirm that it is you');
  await person.page.getByLabel(label, { exact: true }).check();
  await person.fill('Code', await person.code());
  await person.at('Profile');
}

describe('a deployment that trusts devices', () => {
  const story = environment(SETTINGS);

  story('a trusted device asks for the password alone, until its owner removes it', async (person, meet) => {
    await person.signUp();
    await person.signOut();
    await trust(person);
    await person.signOut();
    await person.knock();
    await person.at('Profile');

    // Another browser is asked as ever.
    const elsewhere = await meet();
    elsewhere.email = person.email;
    await elsewhere.knock();
    await elsewhere.at('Confirm that it is you');
    await elsewhere.leave();

    await person.follow('Security');
    const part = person.part('Trusted devices');
    await part.getByText(/^Chrome on Linux, until \d+ \w+ \d{4}$/).waitFor();
    await person.press('Remove', part);
    await part.waitFor({ state: 'detached' });
    await person.signOut();
    await person.knock();
    await person.at('Confirm that it is you');
  });

  story('a change asks for the second factor there, too, and ends the trust', async (person) => {
    await person.signUp();
    await person.signOut();
    await trust(person);
    await person.signOut();
    await person.knock();
    await person.at('Profile');
    await person.follow('Security');
    await person.press('Create new recovery codes');
    const dialog = person.page.getByRole('dialog');
    await person.fill('Code', await person.code(), dialog);
    await person.at('Recovery codes');
    await person.keepCodes();
    await person.at('Security');
    assert.equal(await person.part('Trusted devices').count(), 0);
    await person.signOut();
    await person.knock();
    await person.at('Confirm that it is you');
  });

  story(
    'the pages about it are accessible',
    async (person) => {
      await person.signUp();
      await person.signOut();
      await person.knock();
      await person.at('Confirm that it is you');
      await inspect(person, 'the second step');
      await trust(person);
      await person.follow('Security');
      await person.part('Trusted devices').waitFor();
      await inspect(person, 'the list of trusted devices');
    },
    OPEN,
  );

  story('a recovery code trusts no device', async (person) => {
    await person.signUp();
    await person.signOut();
    await person.knock();
    await person.at('Confirm that it is you');
    await person.page.getByLabel(ASK, { exact: true }).waitFor();
    await person.press('Use a recovery code');
    await person.page.getByLabel('Recovery code', { exact: true }).waitFor();
    assert.equal(await person.page.getByRole('checkbox').count(), 0);
  });

  story('German texts', async (person, meet) => {
    await person.signUp();
    const german = await meet({ locale: 'de-DE' });
    german.email = person.email;
    await german.go('login');
    await german.fill('E-Mail-Adresse oder Benutzername', person.email);
    await german.fill('Passwort', 'korrekt pferd batterie');
    await german.press('Anmelden');
    await german.page.getByLabel('Auf diesem Gerät 30 Tage lang nicht fragen', { exact: true }).check();
    await german.fill('Code', await person.code());
    await german.at('Profil');
    await german.follow('Sicherheit');
    await german.part('Vertrauenswürdige Geräte').getByText(/^Chrome unter Linux, bis \d+\.\d+\.\d{4}$/u).waitFor();
    await german.leave();
  });
});

describe('a deployment that trusts no devices', () => {
  const story = environment({});

  story('the second step offers no trust', async (person) => {
    await person.signUp();
    await person.signOut();
    await person.knock();
    await person.at('Confirm that it is you');
    assert.equal(await person.page.getByRole('checkbox').count(), 0);
  });
});
