// Tokens that are bound to a key: proofs by a library that others wrote, and what is wrong with others.

import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';

import { advance, seconds } from './clock.mjs';
import { Issuer } from './issuer.mjs';
import { createVerifier, dpop, jose, moduleOf, refusalOf } from './package.mjs';

const BASE = 'https://api.example.com/v1';
let issuer;
let verifier;
let keys;
let jkt;

before(async () => {
  issuer = await Issuer.start();
  verifier = make();
  keys = await dpop.generateKeyPair('ES256', { extractable: true });
  jkt = await dpop.calculateThumbprint(keys.publicKey);
});
after(() => issuer.stop());

const make = (more = {}) => createVerifier({ issuer: issuer.url, dpop: { baseUrl: BASE, ...more } });
const bound = () => issuer.token({ cnf: { jkt } });

/** Returns a request with a token and a proof for it. */
function request(token, proof, { scheme = 'DPoP', method = 'GET', url = '/orders?page=2' } = {}) {
  return { method, url, headers: { authorization: `${scheme} ${token}`, ...(proof && { dpop: proof }) } };
}

async function proofBy(pair, token, url = `${BASE}/orders`, method = 'GET') {
  return dpop.generateProof(pair, url, method, undefined, token);
}

/** Returns a proof that is good but for `claims` and `header`. */
async function proofWith(token, claims = {}, header = {}, { publicKey, privateKey } = keys) {
  const ath = jose.base64url.encode(
    new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token))),
  );
  const good = { jti: randomUUID(), htm: 'GET', htu: `${BASE}/orders`, iat: seconds(), ath };
  const jwk = await jose.exportJWK(publicKey);
  return new jose.SignJWT(JSON.parse(JSON.stringify({ ...good, ...claims })))
    .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk, ...header })
    .sign(privateKey);
}

test('keys of each algorithm, below the URL that clients know', async () => {
  for (const algorithm of ['ES256', 'Ed25519', 'PS256', 'RS256']) {
    const pair = await dpop.generateKeyPair(algorithm);
    const token = await issuer.token({ cnf: { jkt: await dpop.calculateThumbprint(pair.publicKey) } });
    assert.equal((await verifier.check(request(token, await proofBy(pair, token)))).kind, 'user', algorithm);
    const url = 'http://10.0.0.7:3000/orders';
    await verifier.check(request(token, await proofBy(pair, token), { url }));
  }
});

test('a proof is for one method, one URL, one token and one minute', async () => {
  const token = await bound();
  const rest = await proofWith(token, { htu: 'HTTPS://API.example.com:443/v1/%6Frders?page=3#end' });
  await verifier.check(request(token, rest));
  await verifier.check(request(token, await proofWith(token, { iat: seconds() - 55 })));
  await verifier.check(request(token, await proofWith(token, { iat: seconds() + 55 })));
  for (const wrong of [
    { htm: 'POST' },
    { htm: 'get' },
    { htm: undefined },
    { htu: `${BASE}/orders/7` },
    { htu: 'https://api.example.com/orders' },
    { htu: 'https://api.example.org/v1/orders' },
    { htu: 'http://api.example.com/v1/orders' },
    { htu: '/v1/orders' },
    { htu: 'https://user@api.example.com/v1/orders' },
    { htu: 'https:\\\\api.example.com/v1/orders' },
    { htu: undefined },
    { iat: seconds() - 65 },
    { iat: seconds() + 65 },
    { iat: undefined },
    { iat: '1' },
    { jti: undefined },
    { jti: '' },
    { ath: undefined },
    { ath: 'x' },
    { exp: seconds() - 70 },
  ]) {
    const refusal = await refusalOf(verifier.check(request(token, await proofWith(token, wrong))));
    assert.equal(refusal.code, 'invalid_dpop_proof', JSON.stringify(wrong));
  }
});

test('the key is the one of the token, shown in public, for an asymmetric algorithm', async () => {
  const token = await bound();
  const thief = await dpop.generateKeyPair('ES256', { extractable: true });
  const jwk = await jose.exportJWK(keys.privateKey);
  const symmetric = { kty: 'oct', k: 'AAAA' };
  for (const proof of [
    await proofBy(thief, token),
    await proofWith(token, {}, { jwk: await jose.exportJWK(thief.publicKey) }),
    await proofWith(token, {}, { jwk }),
    await proofWith(token, {}, { jwk: symmetric }),
    await proofWith(token, {}, { jwk: undefined }),
    await proofWith(token, {}, { typ: 'JWT' }),
    `${(await proofWith(token)).slice(0, -8)}AAAAAAAA`,
    `${await proofWith(token)}, ${await proofWith(token)}`,
    'x',
    'x'.repeat(5000),
    undefined,
  ]) {
    const refusal = await refusalOf(verifier.check(request(token, proof)));
    assert.deepEqual([refusal.status, refusal.code], [401, 'invalid_dpop_proof']);
    assert.equal(
      refusal.headers['WWW-Authenticate'],
      'DPoP error="invalid_dpop_proof", algs="ES256 EdDSA Ed25519 PS256 RS256", Bearer',
    );
  }
  const proofs = [await proofWith(token), await proofWith(token)];
  const twice = { ...request(token), headers: { authorization: `DPoP ${token}`, dpop: proofs } };
  assert.equal((await refusalOf(verifier.check(twice))).code, 'invalid_dpop_proof');
});

test('a bound token does not pass as a bearer token, nor the other way round', async () => {
  const [token, unbound] = [await bound(), await issuer.token()];
  const algs = 'DPoP algs="ES256 EdDSA Ed25519 PS256 RS256"';
  const challengeOf = async (wrong, by = verifier) => (await refusalOf(by.check(wrong))).headers['WWW-Authenticate'];
  const asBearer = request(token, await proofWith(token), { scheme: 'Bearer' });
  assert.equal(await challengeOf(asBearer), `Bearer error="invalid_token", ${algs}`);
  assert.match(await challengeOf(request(unbound, await proofWith(unbound))), /^DPoP error="invalid_token", algs=/);
  assert.equal((await verifier.check(request(unbound, undefined, { scheme: 'Bearer' }))).kind, 'user');
  assert.equal(await challengeOf({ method: 'GET', url: '/', headers: {} }), `Bearer, ${algs}`);
  const withoutProofs = createVerifier({ issuer: issuer.url });
  assert.equal(await challengeOf(asBearer, withoutProofs), 'Bearer error="invalid_token"');
  assert.equal(await challengeOf(request(token, await proofWith(token)), withoutProofs), 'Bearer');
});

test('a step-up is asked for under the scheme of the token', async () => {
  const token = await issuer.token({ cnf: { jkt }, acr: 'aal1' });
  const refusal = await refusalOf(verifier.check(request(token, await proofWith(token)), { acr: 'aal2' }));
  assert.match(
    refusal.headers['WWW-Authenticate'],
    /^DPoP error="insufficient_user_authentication", acr_values="aal2", algs="ES256 /,
  );
});

test('a proof counts once, for as long as it would be accepted', async () => {
  const token = await bound();
  const proof = await proofWith(token, { iat: seconds() + 50 });
  await verifier.check(request(token, proof));
  for (const later of [0, 60, 45]) {
    advance(later);
    const refusal = await refusalOf(verifier.check(request(token, proof)));
    assert.match(refusal.message, /was used before/);
  }
  advance(10);
  assert.match((await refusalOf(verifier.check(request(token, proof)))).message, /more than a minute/);
});

test('a request whose router and route both look at it has one proof', async () => {
  const token = await bound();
  const one = request(token, await proofWith(token));
  await verifier.check({ ...one });
  await verifier.check({ ...one }, { acr: 'aal2' });
  const copy = { ...one, headers: { ...one.headers } };
  assert.match((await refusalOf(verifier.check(copy))).message, /was used before/);
});

test('only proofs that would count are remembered, and others may have the same name', async () => {
  const token = await bound();
  const jti = randomUUID();
  await refusalOf(verifier.check(request(token, await proofWith(token, { jti, htm: 'POST' }))));
  await verifier.check(request(token, await proofWith(token, { jti })));
  const pair = await dpop.generateKeyPair('ES256', { extractable: true });
  const other = await issuer.token({ cnf: { jkt: await dpop.calculateThumbprint(pair.publicKey) } });
  await verifier.check(request(other, await proofWith(other, { jti }, {}, pair)));
});

test('several processes can share the memory of proofs, and without it nothing is accepted', async () => {
  const seen = new Map();
  const replays = {
    async add(id, until) {
      if (seen.has(id)) return false;
      seen.set(id, until);
      return true;
    },
  };
  const [one, two] = [make({ replays }), make({ replays })];
  const token = await bound();
  const proof = await proofWith(token, { jti: 'first' });
  await one.check(request(token, proof));
  assert.equal((await refusalOf(two.check(request(token, proof)))).code, 'invalid_dpop_proof');
  const [[id, until]] = [...seen];
  // The same as in the packages for Python and Rust.
  assert.equal(id, createHash('sha256').update(`${jkt} first`).digest('base64url'));
  assert.ok(Math.abs(until - seconds() - 60) <= 2);
  const broken = make({ replays: { add: () => Promise.reject(new Error('no connection')) } });
  const refusal = await refusalOf(broken.check(request(token, await proofWith(token))));
  assert.deepEqual([refusal.status, refusal.message], [503, 'the memory of proofs: no connection']);
});

test('the memory of this process is bounded: it refuses more proofs instead of forgetting one', async () => {
  const { LocalReplayMemory } = await moduleOf('replays');
  const memory = new LocalReplayMemory(3);
  const until = () => seconds() + 60;
  for (const id of ['a', 'b', 'c']) assert.equal(memory.add(id, until()), true);
  assert.equal(memory.add('a', until()), false);
  assert.throws(() => memory.add('d', until()), /too many proofs/);
  advance(121);
  assert.equal(memory.add('d', until()), true);
  assert.equal(memory.add('a', until()), false);
  advance(121);
  assert.equal(memory.add('a', until()), true);
});
