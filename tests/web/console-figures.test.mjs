// The figures of the console, where there was more than the service counts.

import assert from 'node:assert/strict';

import { openConsole } from './administrator.mjs';
import { environment } from './environment.mjs';

const story = environment();

/** Writes events into the trail, all of one time. */
async function happen({ service }, event, { count, at }) {
  const milliseconds = Math.floor(at * 1000);
  await service.sql(`
    WITH made AS MATERIALIZED (
      SELECT (lpad(to_hex(${milliseconds}), 12, '0') || '7' || lpad(to_hex(number % 4096), 3, '0') || 'a' ||
        substr(md5('${event}' || number), 1, 15))::uuid AS id
      FROM generate_series(1, ${count}) AS number
    )
    INSERT INTO audit_events (id, subject_id, occurred_at, event, success, request_id)
    SELECT id, id, to_timestamp(${milliseconds / 1000}), '${event}', false, id FROM made`);
}

story('a plot says where there was more than is counted', async (person) => {
  // The hour before is of the same month, whose part of the trail there is.
  const early = (await person.service.now()) % 86_400 < 7200;
  if (early) await person.service.advance(7200);
  const hour = Math.floor((await person.service.now()) / 3600) * 3600;
  await happen(person, 'authn_login_fail', { count: 120_000, at: hour });
  await happen(person, 'authn_login_fail', { count: 100_000, at: hour - 1800 });
  await happen(person, 'authn_login_lock', { count: 200_001, at: hour });
  await openConsole(person);
  const figure = (name) => person.page.getByRole('figure', { name, exact: true });

  const failures = figure('Wrong passwords and codes');
  assert.equal(await failures.locator('.figure').innerText(), '120,000 or more');
  await failures.getByText('Show the numbers').click();
  const numbers = await failures.locator('tbody td').allInnerTexts();
  assert.equal(numbers.length, 24);
  assert.equal(numbers.at(-1), '120,000');
  // What the hour before has was not read to its end, and nothing older was read.
  assert.ok(numbers.slice(0, -1).every((text) => text === 'more than are counted'), String(numbers));
  assert.equal(await failures.locator('svg .bar').count(), 1);

  // No number is known of these at all, and none is made up.
  const waits = figure('Sign-ins that had to wait');
  assert.equal(await waits.locator('.figure').innerText(), 'more than are counted');
  assert.equal(await waits.locator('svg .bar').count(), 0);
  assert.match(await figure('Sign-ins').locator('.figure').innerText(), /^\d+$/);
});
