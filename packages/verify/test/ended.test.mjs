// The list of ended sessions: when it is read, how old it may be, and which answers do not count.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';

import { advance, seconds } from './clock.mjs';
import { Issuer, bearing } from './issuer.mjs';
import { createVerifier, refusalOf } from './package.mjs';

const FOR_EVER = 2 ** 32;
let issuer;
let faults;
let verifier;

beforeEach(async () => {
  issuer = await Issuer.start();
  verifier = make(true);
});
afterEach(() => issuer.stop());

function make(endedSessions) {
  faults = [];
  return createVerifier({ issuer: issuer.url, endedSessions, onFault: (fault) => faults.push(fault.message) });
}

const accepts = async (token, by = verifier) => assert.ok((await by.check(bearing(await token))).sub);
const statusOf = async (token) => (await refusalOf(verifier.check(bearing(await token)))).status;

/** Sends twenty requests that pass, and returns how many of them wait. */
async function waiting(token) {
  const begun = performance.now();
  const times = await Promise.all(
    Array.from({ length: 20 }, () => accepts(token).then(() => performance.now() - begun)),
  );
  return times.filter((time) => time > 500).length;
}

test('a session that ended counts no longer, from the next list on', async () => {
  const sid = randomUUID();
  const token = await issuer.token({ sid, exp: FOR_EVER });
  await accepts(token);
  issuer.ended.push(sid);
  advance(0.9);
  await accepts(token);
  advance(0.2);
  assert.equal(await statusOf(token), 401);
  await accepts(issuer.token());
});

test('a list that is older than two seconds decides nothing while the service answers', async () => {
  const sid = randomUUID();
  const token = await issuer.token({ sid, exp: FOR_EVER });
  await accepts(token);
  issuer.ended.push(sid);
  for (const later of [2.1, 3600]) {
    advance(later);
    assert.equal(await statusOf(token), 401);
  }
});

test('it is read while requests come, and once a second at most', async () => {
  const token = await issuer.token({ exp: FOR_EVER });
  await Promise.all(Array.from({ length: 20 }, () => accepts(token)));
  await accepts(token);
  assert.equal(issuer.asked.ended, 1);
  for (const times of [2, 3]) {
    advance(1.1);
    await Promise.all(Array.from({ length: 20 }, () => accepts(token)));
    assert.equal(issuer.asked.ended, times);
  }
  advance(3600);
  assert.equal(issuer.asked.ended, 3);
});

test('while one request waits for the next list, the others go by the last one', async () => {
  const token = await issuer.token({ exp: FOR_EVER });
  await accepts(token);
  issuer.faults.ended = 'silence';
  advance(1.5);
  assert.equal(await waiting(token), 1);
});

test('tokens without a session, and tokens that are refused anyway, need no list', async () => {
  const service = await issuer.token({ sid: undefined, sub: 'a', client_id: 'a' });
  assert.equal((await verifier.check(bearing(service), { kind: 'service' })).kind, 'service');
  assert.equal(await statusOf(issuer.token({ exp: 1 })), 401);
  assert.equal(issuer.asked.ended, 0);
});

test('a list of several pages is read to its end, each page after the one before', async () => {
  const pages = { '': [['a'], 'one'], one: [['b'], 'two'], two: [['c'], 'three'] };
  issuer.list = (after) => {
    const [ended, cursor] = pages[after] ?? [[], after];
    return { ended, cursor, more: cursor !== 'three' };
  };
  for (const sid of ['a', 'b', 'c']) assert.equal(await statusOf(issuer.token({ sid })), 401, sid);
  await accepts(issuer.token({ sid: 'd' }));
  assert.equal(issuer.asked.ended, 3);
});

test('ids are remembered until their time, although no later list has them', async () => {
  const [sid, token] = ['a', (exp) => issuer.token({ sid: 'a', exp })];
  issuer.ended = [sid];
  issuer.list = () => ({ exp: seconds() + 120 });
  assert.equal(await statusOf(token(FOR_EVER)), 401);
  issuer.ended = [];
  advance(100);
  assert.equal(await statusOf(token(FOR_EVER)), 401);
  advance(100);
  // Only a test has a token of that session that is valid for so long.
  await accepts(token(FOR_EVER));
});

for (const fault of ['error', 'redirect', 'garbage', 'silence', 'drip', 'flood']) {
  test(`without an answer (${fault}) the last list counts for as long as you say, and one request waits`, async () => {
    const token = await issuer.token({ exp: FOR_EVER });
    await accepts(token);
    issuer.faults.ended = fault;
    advance(5);
    const begun = performance.now();
    await accepts(token);
    for (let count = 0; count < 5; count += 1) await accepts(token);
    assert.ok(performance.now() - begun < 1500, 'one request waits, and those after it do not');
    advance(5);
    assert.ok((await waiting(token)) <= 1, 'the others do not wait after a failure');
    advance(6);
    assert.equal(await statusOf(token), 503);
    assert.match(faults[0], /^the list of ended sessions: /);
    issuer.faults.ended = undefined;
    // A reading may still be under way that fails.
    advance(2);
    await statusOf(token).catch(() => {});
    advance(2);
    await accepts(token);
  });
}

test('it is read unless you say otherwise', async () => {
  issuer.ended = ['a'];
  const token = await issuer.token({ sid: 'a' });
  const byDefault = createVerifier({ issuer: issuer.url });
  const without = createVerifier({ issuer: issuer.url, endedSessions: false });
  assert.equal((await refusalOf(byDefault.check(bearing(token)))).status, 401);
  await accepts(token, without);
  assert.equal(issuer.asked.ended, 1);
});

test('without a first list nothing is accepted, unless you say that it never matters', async () => {
  issuer.faults.ended = 'error';
  assert.equal(await statusOf(issuer.token()), 503);
  const lenient = make({ staleAfter: Infinity });
  await accepts(issuer.token(), lenient);
  issuer.faults = {};
  issuer.ended = ['a'];
  advance(1.1);
  await accepts(issuer.token({ sid: 'b' }), lenient);
  assert.equal((await refusalOf(lenient.check(bearing(await issuer.token({ sid: 'a' }))))).status, 401);
});

test('a service without such a list is a fault, and not an empty list', async () => {
  issuer.metadata = { ended_sessions_endpoint: undefined };
  assert.equal(await statusOf(issuer.token()), 503);
  assert.match(faults[0], /has no list of ended sessions/);
});

test('answers that are old, of another type or issuer, for another cursor or not signed do not count', async () => {
  const changes = {
    old: () => ({ iat: seconds() - 20 }),
    'another issuer': () => ({ iss: 'https://other.example' }),
    'another cursor': () => ({ after: 'other' }),
    'no cursor': () => ({ cursor: undefined }),
    'without an end': (after) => ({ more: true, cursor: after }),
  };
  for (const [name, change] of Object.entries(changes)) {
    issuer.list = change;
    verifier = make(true);
    assert.equal(await statusOf(issuer.token()), 503, name);
    assert.equal(faults.length, 1, name);
  }
  issuer.list = () => ({});
  const { sign } = issuer;
  issuer.sign = (claims) => sign.call(issuer, claims, { typ: 'at+jwt' });
  verifier = make(true);
  const token = await issuer.token();
  assert.equal(await statusOf(token), 503);
  issuer.sign = async (claims, header) => `${(await sign.call(issuer, claims, header)).split('.', 2).join('.')}.AAAA`;
  verifier = make(true);
  assert.equal(await statusOf(token), 503);
});

test('an answer of a service that does not say which cursor it answers counts', async () => {
  issuer.list = () => ({ after: undefined });
  issuer.ended = ['a'];
  assert.equal(await statusOf(issuer.token({ sid: 'a' })), 401);
});
