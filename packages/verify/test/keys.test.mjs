// When the keys are read, how long they count, and what is answered without them.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { advance } from './clock.mjs';
import { Issuer, bearing } from './issuer.mjs';
import { createVerifier, refusalOf } from './package.mjs';

let issuer;
let faults;
let verifier;

beforeEach(async () => {
  issuer = await Issuer.start();
  faults = [];
  verifier = createVerifier({
    issuer: issuer.url,
    endedSessions: false,
    onFault: (fault) => faults.push(fault.message),
  });
});
afterEach(() => issuer.stop());

const accepts = async (token) => assert.ok((await verifier.check(bearing(await token))).sub);
const refuses = async (token, status) =>
  assert.equal((await refusalOf(verifier.check(bearing(await token)))).status, status);

test('requests that come at the same moment read the keys once, and the next ones not at all', async () => {
  await Promise.all(Array.from({ length: 20 }, () => accepts(issuer.token())));
  await accepts(issuer.token());
  assert.deepEqual(issuer.asked, { metadata: 1, keys: 1, ended: 0 });
});

test('after five minutes the keys are read again, so a key that was taken back counts no longer', async () => {
  const old = await issuer.token({ exp: 2 ** 32 });
  await accepts(old);
  await issuer.rotate();
  advance(299);
  await accepts(old);
  assert.equal(issuer.asked.keys, 1);
  advance(2);
  await refuses(old, 401);
});

test('a new key is found at once, but no more than one request in five seconds asks for it', async () => {
  await accepts(issuer.token());
  await issuer.rotate();
  advance(6);
  await accepts(issuer.token());
  const invented = Array.from({ length: 20 }, (_, index) => issuer.token({}, { kid: `invented-${index}` }));
  await Promise.all(invented.map((token) => refuses(token, 401)));
  assert.equal(issuer.asked.keys, 2);
  advance(6);
  await refuses(issuer.token({}, { kid: 'invented' }), 401);
  assert.equal(issuer.asked.keys, 3);
});

test('a token without a key id, or of an algorithm that is not expected, is refused without a question', async () => {
  await refuses(issuer.token({}, { kid: undefined }), 401);
  await refuses('eyJhbGciOiJIUzI1NiIsImtpZCI6ImEifQ.e30.AAAA', 401);
  await refuses('x', 401);
  assert.equal(issuer.asked.keys, 0);
});

for (const fault of ['error', 'redirect', 'garbage', 'empty', 'silence', 'drip', 'flood']) {
  test(`without keys (${fault}) a token gets 503 within three seconds, and passes when they are back`, async () => {
    issuer.faults.keys = fault;
    const token = await issuer.token({ exp: 2 ** 32 });
    const begun = performance.now();
    const refusal = await refusalOf(verifier.check(bearing(token)));
    assert.ok(performance.now() - begun < 3000, `${performance.now() - begun} ms`);
    assert.deepEqual([refusal.status, refusal.code, refusal.headers['Retry-After']], [503, 'service_unavailable', '5']);
    assert.equal(faults.length, 1);
    issuer.faults.keys = undefined;
    await refuses(token, 503);
    assert.equal(faults.length, 1, 'the service is not asked within the pause');
    advance(6);
    await accepts(token);
  });

  test(`keys that are known count for an hour if they cannot be read (${fault}), and no longer`, async () => {
    const token = await issuer.token({ exp: 2 ** 32 });
    await accepts(token);
    issuer.faults.keys = fault;
    advance(3500);
    await accepts(token);
    const asked = issuer.asked.keys;
    const begun = performance.now();
    for (let count = 0; count < 20; count += 1) await accepts(token);
    assert.ok(performance.now() - begun < 1000, 'requests do not wait within the pause');
    assert.equal(issuer.asked.keys, asked);
    advance(101);
    await refuses(token, 503);
    issuer.faults.keys = undefined;
    advance(6);
    await accepts(token);
  });
}

test('while the keys cannot be read, an unknown key does not sign the user out', async () => {
  await accepts(issuer.token());
  issuer.faults.keys = 'error';
  await issuer.rotate();
  advance(6);
  await refuses(issuer.token(), 503);
});

test('metadata of another issuer, or without an answer, gives no keys', async () => {
  issuer.metadata = { issuer: 'https://other.example' };
  await assert.rejects(verifier.ready(), /says that its issuer is https:\/\/other\.example/);
  await refuses(issuer.token(), 503);
  assert.match(faults[0], /says that its issuer is https:\/\/other\.example/);
  issuer.metadata = {};
  issuer.faults.metadata = 'error';
  advance(6);
  await refuses(issuer.token(), 503);
  issuer.faults = {};
  await verifier.ready();
  await accepts(issuer.token());
});

test('the keys may move', async () => {
  await accepts(issuer.token());
  const other = await Issuer.start();
  try {
    issuer.metadata = { jwks_uri: `${other.url}/keys` };
    issuer.faults.keys = 'error';
    const token = await other.token({ iss: issuer.url, aud: issuer.url });
    advance(6);
    await refuses(token, 503);
    advance(6);
    await accepts(token);
  } finally {
    other.stop();
  }
});

test('a server that is not there gives no keys', async () => {
  const token = await issuer.token();
  issuer.stop();
  await refuses(token, 503);
  assert.match(faults[0], /ECONNREFUSED/);
});
