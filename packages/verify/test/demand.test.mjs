// What a route demands of its caller, what the caller learns if it is refused, and mistakes that stop the start.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { seconds } from './clock.mjs';
import { Issuer, bearing } from './issuer.mjs';
import { createVerifier, refusalOf } from './package.mjs';

let issuer;
let verifier;
const refusals = [];

before(async () => {
  issuer = await Issuer.start();
  verifier = createVerifier({ issuer: issuer.url, onRefusal: (refusal) => refusals.push(refusal) });
});
after(() => issuer.stop());

const USER = {};
const APPLICATION = { client_id: 'shop', scope: 'orders:read openid' };
const SERVICE = {
  sub: 'report',
  client_id: 'report',
  sid: undefined,
  acr: undefined,
  amr: undefined,
  scope: 'orders:read',
};
const SERVICE_WITHOUT_SCOPE = { ...SERVICE, scope: undefined };
const API_KEY = {
  ...SERVICE,
  sub: 'jo',
  client_id: 'key',
  auth_time: undefined,
  roles: ['editor'],
  scope: 'editor orders:read',
};

const check = async (claims, demand) => verifier.check(bearing(await issuer.token(claims)), demand);
const code = async (claims, demand) => (await refusalOf(check(claims, demand))).code;

test('the caller has what the token says, and nothing where it says nothing', async () => {
  const claims = {
    roles: ['editor'],
    permissions: ['posts:write'],
    app: { plan: 'gold', sub: 'admin' },
    sub: 'jo',
    sid: 's',
  };
  const { claims: all, ...caller } = await check(claims);
  const { roles, permissions, app } = claims;
  assert.deepEqual(caller, { kind: 'user', sub: 'jo', sid: 's', roles, permissions, scopes: [], app });
  assert.equal(all.acr, 'aal2');
  const { claims: _, ...bare } = await check({ sub: 'jo', sid: 's' });
  assert.deepEqual(bare, { kind: 'user', sub: 'jo', sid: 's', roles: [], permissions: [], scopes: [], app: {} });
});

test('a route without a demand is for users in person only', async () => {
  assert.equal((await check(USER)).kind, 'user');
  for (const other of [APPLICATION, SERVICE, SERVICE_WITHOUT_SCOPE, API_KEY, { scope: '' }]) {
    assert.equal(await code(other), 'forbidden');
  }
});

test('a route with a scope is for those that were allowed it', async () => {
  const demand = { scope: 'orders:read' };
  for (const [claims, kind] of [
    [APPLICATION, 'application'],
    [SERVICE, 'service'],
    [API_KEY, 'api_key'],
  ]) {
    assert.equal((await check(claims, demand)).kind, kind);
    assert.equal(await code(claims, { scope: ['orders:read', 'orders:write'] }), 'insufficient_scope');
    assert.equal(await code({ ...claims, scope: 'orders:reader' }, demand), 'insufficient_scope');
  }
  assert.equal(await code(SERVICE_WITHOUT_SCOPE, demand), 'insufficient_scope');
  assert.equal(await code(USER, demand), 'forbidden');
});

test('a route can be for users in person and for others, of which only these need the scope', async () => {
  const demand = { kind: ['user', 'api_key'], scope: 'editor', role: 'editor' };
  assert.equal((await check({ roles: ['editor'] }, demand)).kind, 'user');
  assert.equal((await check(API_KEY, demand)).kind, 'api_key');
  assert.equal(await code({ ...API_KEY, scope: 'profile' }, demand), 'insufficient_scope');
  assert.equal(await code(SERVICE, demand), 'forbidden');
  assert.equal((await check(SERVICE_WITHOUT_SCOPE, { kind: 'service' })).kind, 'service');
});

test('roles and permissions: all that are demanded, and only whole names', async () => {
  const claims = { roles: ['editor', 'sales'], permissions: ['posts:write', 'posts:read'], app: { roles: ['admin'] } };
  await check(claims, { role: 'editor', permission: ['posts:read', 'posts:write'] });
  await check(claims, { role: ['editor', 'sales'] });
  for (const role of ['admin', 'edit', ['editor', 'admin']]) assert.equal(await code(claims, { role }), 'forbidden');
  assert.equal(await code(claims, { permission: 'posts' }), 'forbidden');
  assert.equal(await code({}, { role: 'editor' }), 'forbidden');
});

test('a step-up comes before a role that may be withheld for the lack of it', async () => {
  const demand = { role: 'editor', acr: 'aal2' };
  assert.equal(await code({ acr: 'aal1' }, demand), 'insufficient_user_authentication');
  assert.equal(await code({ acr: 'aal2' }, demand), 'forbidden');
});

test('a step-up: two factors, the kind, and how long ago', async () => {
  const payment = { maxAge: 300 };
  await check({ auth_time: seconds() - 299 }, payment);
  const challenge = 'Bearer error="insufficient_user_authentication", acr_values="aal2", max_age="300"';
  for (const claims of [
    { auth_time: seconds() - 302 },
    { acr: 'aal1' },
    { acr: undefined },
    { auth_time: undefined },
  ]) {
    const refusal = await refusalOf(check(claims, payment));
    assert.deepEqual([refusal.status, refusal.headers['WWW-Authenticate']], [401, challenge]);
    assert.deepEqual(refusal.body, { code: 'insufficient_user_authentication', acr_values: 'aal2', max_age: 300 });
  }
  await check({ acr: 'aal1' }, { maxAge: 300, acr: 'aal1' });
  await check({ amr: ['pop', 'mfa'] }, { amr: 'pop' });
  const refusal = await refusalOf(check({}, { acr: 'aal2', amr: 'pop' }));
  assert.deepEqual(refusal.body, { code: 'insufficient_user_authentication', acr_values: 'aal2', amr: ['pop'] });
  assert.equal(await code({ acr: 'aal1' }, { acr: 'aal2' }), 'insufficient_user_authentication');
  // There is no user who could give a proof.
  assert.equal(await code(API_KEY, { scope: 'orders:read', maxAge: 300 }), 'forbidden');
});

test('a refusal says in a challenge and in the body what the client can do about it, and nothing else', async () => {
  const answers = async (request, demand) => {
    const { status, headers, body } = await refusalOf(verifier.check(request, demand));
    return [status, headers['WWW-Authenticate'], body];
  };
  const good = await issuer.token();
  assert.deepEqual(await answers({ method: 'GET', url: '/', headers: {} }), [401, 'Bearer', { code: 'invalid_token' }]);
  assert.deepEqual(await answers(bearing(good, 'Basic')), [401, 'Bearer', { code: 'invalid_token' }]);
  assert.deepEqual(await answers(bearing(`${good}x`)), [
    401,
    'Bearer error="invalid_token"',
    { code: 'invalid_token' },
  ]);
  assert.deepEqual(await answers(bearing(good), { role: 'admin' }), [403, undefined, { code: 'forbidden' }]);
  const scoped = [403, 'Bearer error="insufficient_scope", scope="a b"', { code: 'insufficient_scope', scope: 'a b' }];
  assert.deepEqual(await answers(bearing(await issuer.token(SERVICE)), { scope: ['a', 'b'] }), scoped);
  const response = (await refusalOf(verifier.check(bearing('x')))).toResponse();
  assert.equal(response.status, 401);
  assert.equal(response.headers.get('www-authenticate'), 'Bearer error="invalid_token"');
  assert.equal(response.headers.get('cache-control'), 'no-store');
  assert.deepEqual(await response.json(), { code: 'invalid_token' });
});

test('the reason of a refusal is for the log of the back end', async () => {
  refusals.length = 0;
  await refusalOf(check({ exp: seconds() - 60 }));
  await refusalOf(check({ aud: 'https://other.example' }));
  assert.deepEqual(
    refusals.map(({ code, message }) => [code, /"(exp|aud)"/.exec(message)?.[1]]),
    [
      ['invalid_token', 'exp'],
      ['invalid_token', 'aud'],
    ],
  );
});

test('claims of a wrong type, missing claims and tokens without an end are refused', async () => {
  for (const wrong of [
    { roles: 'admin' },
    { roles: [1] },
    { permissions: 'x' },
    { app: 'x' },
    { app: [] },
    { sid: 7 },
    { sid: '' },
    { scope: 7 },
    { amr: 'pwd' },
    { sub: '' },
    { sub: undefined },
    { client_id: undefined },
    { exp: undefined },
    { nbf: undefined },
    { iat: undefined },
    { iss: undefined },
    { aud: undefined },
    { exp: '9999999999' },
    { cnf: { jkt: 'x' } },
    { cnf: null },
  ]) {
    assert.equal(await code(wrong, { kind: ['user', 'service'] }), 'invalid_token', JSON.stringify(wrong));
  }
});

test('clocks may differ by the leeway', async () => {
  await check({ exp: seconds() - 3 });
  await check({ nbf: seconds() + 4 });
  assert.equal(await code({ exp: seconds() - 6 }), 'invalid_token');
  assert.equal(await code({ nbf: seconds() + 7 }), 'invalid_token');
});

test('the headers may be those of Node or of a Request', async () => {
  const token = await issuer.token({ sub: 'jo' });
  for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
    const request = new Request('https://api.example.com/', { headers: { Authorization: `${scheme} ${token}` } });
    assert.equal((await verifier.check(request)).sub, 'jo');
    assert.equal((await verifier.check(bearing(token, scheme))).sub, 'jo');
  }
});

test('a demand that would not be what was meant stops the start', () => {
  for (const [demand, said] of [
    [{ roles: 'admin' }, /unknown demand: roles/],
    [{ role: undefined }, /role is undefined/],
    [{ role: '' }, /role must be/],
    [{ role: [] }, /role must be/],
    [{ role: 'two words' }, /role must be/],
    [{ kind: 'admin' }, /kind must be/],
    [{ kind: 'user', scope: 'a' }, /users have no scope/],
    [{ kind: 'application' }, /name a scope/],
    [{ scope: 'a"b' }, /scope must be/],
    [{ scope: 'a\\b' }, /scope must be/],
    [{ scope: 'a\n' }, /scope must be/],
    [{ scope: ['a', 'é'] }, /scope must be/],
    [{ maxAge: 0 }, /maxAge must be/],
    [{ maxAge: 0.5 }, /maxAge must be/],
    [{ maxAge: '300' }, /maxAge must be/],
    [{ maxAge: true }, /maxAge must be/],
    [{ maxAge: Infinity }, /maxAge must be/],
    [{ maxAge: Number.NaN }, /maxAge must be/],
    [{ acr: 'aal3' }, /acr must be/],
    ['admin', /must be in an object/],
  ]) {
    assert.throws(() => verifier.demand(demand), said);
  }
});

test('an option that would not be what was meant stops the start', () => {
  const issuer = 'https://auth.example.com';
  createVerifier({ issuer, audience: undefined, endedSessions: { staleAfter: Infinity } });
  createVerifier({ issuer: 'http://[::1]:8080/auth' });
  for (const [options, said] of [
    [{}, /issuer must be a URL/],
    [{ issuer: undefined }, /issuer must be a URL/],
    [{ issuer: `${issuer}/` }, /must not end with a slash/],
    [{ issuer: 'http://auth.example.com' }, /must be https/],
    [{ issuer: 'http://localhost.example.com' }, /must be https/],
    [{ issuer: `${issuer}?a` }, /an origin and a path only/],
    [{ issuer: `${issuer}?` }, /an origin and a path only/],
    [{ issuer: `${issuer}/#` }, /an origin and a path only/],
    [{ issuer: `${issuer}\n` }, /an origin and a path only/],
    [{ issuer: ` ${issuer}` }, /an origin and a path only/],
    [{ issuer: 'https://auth.exa\tmple.com' }, /an origin and a path only/],
    [{ issuer: 'https://user:pw@auth.example.com' }, /an origin and a path only/],
    [{ issuer: 'https://:pw@auth.example.com' }, /an origin and a path only/],
    [{ issuer, audiences: ['a'] }, /unknown option: audiences/],
    [{ issuer, audience: '' }, /audience must be/],
    [{ issuer, algorithms: [] }, /algorithms must be/],
    [{ issuer, algorithms: ['none'] }, /algorithms must be/],
    [{ issuer, algorithms: ['HS256'] }, /algorithms must be/],
    [{ issuer, leeway: 31 }, /leeway must be/],
    [{ issuer, leeway: -1 }, /leeway must be/],
    [{ issuer, endedSessions: { staleAfter: 1 } }, /staleAfter must be/],
    [{ issuer, dpop: {} }, /dpop.baseUrl must be a URL/],
    [{ issuer, dpop: { baseUrl: 'https://api.example.com/' } }, /must not end with a slash/],
  ]) {
    assert.throws(() => createVerifier(options), said, JSON.stringify(options));
  }
});
