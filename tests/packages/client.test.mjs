// @vestibule/client with a real service. Its sources run as they are: Node strips the types.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { parseChallenge } from '../../packages/client/src/back-ends.ts';
import { Vestibule, isVestibuleError, temporaryKey } from '../../packages/client/src/index.ts';
import { generateSync } from '../web/libraries.mjs';
import { startService } from '../web/service.mjs';
import { BackEnd } from './back-end.mjs';

const PASSWORD = 'korrekt pferd batterie';
/** @type {any} */
let service;
/** @type {BackEnd} */
let backEnd;
let accounts = 0;

before(async () => {
  service = await startService({ TRUSTED_PROXIES: '127.0.0.0/8', TRUSTED_DEVICE_TTL: '86400' });
  backEnd = await BackEnd.start(service.url);
});
after(async () => {
  backEnd?.stop();
  await service?.stop();
});

/** A keystore. */
function keystore() {
  const kept = {};
  return { kept, load: async (name) => kept[name], save: async (name, value) => void (kept[name] = value) };
}

async function nextCode(secret) {
  await service.advance(30);
  return codeAt(secret, await service.now());
}

function codeAt(secret, time) {
  return generateSync({ secret, epoch: Math.floor(time) });
}

/** Registers with an authenticator app. Returns the client that is signed in, and what the user has. */
async function signUp(options = {}) {
  const storage = keystore();
  const client = new Vestibule(service.url, { storage, ...options });
  const email = `client-${(accounts += 1)}@example.com`;
  const registered = await client.register({ email, password: PASSWORD });
  assert.equal(registered.status, 'enrolment_required');
  const { secret } = await registered.createAuthenticator();
  const { recoveryCodes } = await registered.confirm(codeAt(secret, await service.now()));
  return { client, storage, email, secret, recoveryCodes };
}

const fails = (work, code) => assert.rejects(work, (error) => isVestibuleError(error, code) || assert.fail(error));

test('a user registers, restarts the app, and signs out', async () => {
  const { client, storage, email, recoveryCodes } = await signUp();
  assert.equal(recoveryCodes.length, 10);
  assert.equal(client.state.status, 'signed_in');
  assert.deepEqual(client.state.recoveryCodes, recoveryCodes);
  client.confirmRecoveryCodes();
  assert.deepEqual(client.state.recoveryCodes, []);
  assert.equal((await client.user()).email, email);
  const first = storage.kept['refresh-token'];
  const restarted = new Vestibule(service.url, { storage });
  assert.equal(restarted.state.status, 'unknown');
  const seen = [];
  const end = restarted.subscribe(({ status }) => seen.push(status));
  assert.equal((await restarted.restore()).status, 'signed_in');
  assert.notEqual(storage.kept['refresh-token'], first);
  await restarted.signOut();
  assert.deepEqual(seen, ['signed_in', 'signed_out']);
  end();
  await fails(restarted.user(), 'invalid_refresh_token');
  assert.deepEqual(seen, ['signed_in', 'signed_out']);
  assert.equal(storage.kept['refresh-token'], undefined);
  // The session of the service has ended, too: the other client has its access token still.
  await fails(client.user(), 'invalid_refresh_token');
});

test('a sign-in has all outcomes, and each goes on', async () => {
  const { email, secret } = await signUp();
  const client = new Vestibule(service.url, { storage: keystore() });
  await fails(client.signIn({ email, password: 'wrong horse' }), 'invalid_credentials');
  const login = await client.signIn({ email, password: PASSWORD });
  assert.equal(login.status, 'second_factor_required');
  assert.deepEqual(login.methods.map(({ type }) => type), ['totp', 'recovery_code']);
  assert.ok(login.trustedDeviceTtl > 0);
  await fails(login.verify('000000'), 'invalid_code');
  const done = await login.verify(await nextCode(secret), { trustDevice: true });
  assert.equal(done.status, 'authenticated');
  assert.deepEqual(done.recoveryCodes, []);
  // The device is trusted, also after the user has signed out.
  await client.signOut();
  assert.equal((await client.signIn({ email, password: PASSWORD })).status, 'authenticated');

  // A registration that was left: the next sign-in sets up the authenticator.
  const left = 'left@example.com';
  await client.register({ email: left, password: PASSWORD });
  const again = await new Vestibule(service.url, { storage: 'memory' }).signIn({ email: left, password: PASSWORD });
  assert.equal(again.status, 'enrolment_required');
  assert.deepEqual(again.kinds, ['totp', 'passkey']);
  const authenticator = await again.createAuthenticator();
  assert.match(authenticator.qr_code, /^data:image\/png;base64,/);
  assert.equal((await again.confirm(await nextCode(authenticator.secret))).recoveryCodes.length, 10);
});

test('a login goes on in another client, and by mail', async () => {
  const { client, email, recoveryCodes } = await signUp();
  // A magic link to an address that was never verified would reset the account.
  await client.verifyEmail((await service.message(email, 'email_verification')).token);
  const [first, second] = [0, 1].map(() => new Vestibule(service.url, { storage: 'memory' }));
  await first.requestMagicLink(email);
  const { token } = await service.message(email, 'magic_link');
  const login = await first.signInWithMagicLink(token);
  assert.equal(login.status, 'second_factor_required');
  const done = await second.secondFactor(login.preAuthToken).verify(recoveryCodes[0].toLowerCase());
  assert.equal(done.recoveryCodesRemaining, 9);
  assert.deepEqual(done.advice, ['replace_authenticator']);
  assert.equal((await second.user()).email, email);
});

test('a password is reset, and an address verified', async () => {
  const { client, email } = await signUp();
  const { token } = await service.message(email, 'email_verification');
  const stranger = new Vestibule(service.url, { storage: 'memory' });
  await fails(stranger.verifyEmail(token), 'proof_required');
  await fails(stranger.verifyEmail(token, 'wrong horse'), 'invalid_credentials');
  await client.verifyEmail(token);
  assert.equal((await client.user()).email_verified, true);
  await stranger.forgotPassword(email);
  const reset = await service.message(email, 'password_reset');
  await fails(stranger.resetPassword(reset.token, 'password1'), 'password_rejected');
  await stranger.resetPassword(reset.token, 'another horse battery');
  await fails(client.restore().then(() => client.user()), 'invalid_refresh_token');
  assert.equal((await stranger.signIn({ email, password: 'another horse battery' })).status, 'second_factor_required');
});

test('requests at the same moment share a refresh and a proof', async () => {
  const { client, storage, secret } = await signUp();
  await service.advance(900);
  let saved = 0;
  const { save } = storage;
  storage.save = (name, value) => save(name, value, (saved += 1));
  await Promise.all([client.user(), client.sessions(), client.authorized('get', '/2fa')]);
  assert.equal(saved, 1);

  // Without `prove` the demand is the caller's.
  await fails(client.renewRecoveryCodes(), 'insufficient_user_authentication');
  let asked = 0;
  client.prove = async (stepUp) => {
    asked += 1;
    assert.deepEqual(stepUp.methods, ['totp', 'recovery_code']);
    assert.equal(stepUp.acrValues, 'aal2');
    await fails(stepUp.withCode('000000'), 'invalid_code');
    await stepUp.withCode(await nextCode(secret));
  };
  const [codes, others] = await Promise.all([client.renewRecoveryCodes(), client.renewRecoveryCodes()]);
  assert.equal(asked, 1);
  assert.equal(codes.length + others.length, 20);
  // The refresh token from before the step-up is gone, and the stored one is the newest.
  assert.equal((await new Vestibule(service.url, { storage }).restore()).status, 'signed_in');
});

test('a user who cancels a proof cancels the request', async () => {
  const { client } = await signUp();
  await service.advance(900);
  const cancelled = new Error('cancelled');
  client.prove = () => Promise.reject(cancelled);
  await assert.rejects(client.renewRecoveryCodes(), cancelled);
  assert.equal((await client.user()).two_factor.recovery_codes_remaining, 10);
});

test('a request is not sent for another user', async (t) => {
  // The token expires for the service, or by the clock of the client.
  const expiries = [() => service.advance(900), () => t.mock.timers.setTime(Date.now() + 900_000)];
  for (const expire of expiries) {
    const { client, storage } = await signUp();
    const other = await signUp();
    // Another part of the app has signed another user in.
    Object.assign(storage.kept, other.storage.kept);
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
    await expire();
    await fails(client.authorized('patch', '/me', { body: { locale: 'de' } }), 'user_changed');
    t.mock.timers.reset();
    assert.equal((await client.user()).email, other.email);
    assert.equal((await client.user()).locale, 'en');
  }
});

test('a sign-out ends both sessions of the user, if another part of the app signed in again', async () => {
  const { client, storage, email, secret } = await signUp();
  const shown = await client.accessToken();
  const elsewhere = keystore();
  const again = new Vestibule(service.url, { storage: elsewhere });
  const login = await again.signIn({ email, password: PASSWORD });
  await login.verify(await nextCode(secret));
  const newer = await again.accessToken();
  Object.assign(storage.kept, elsewhere.kept);
  await client.signOut();
  for (const token of [shown, newer]) await assert.rejects(service.call('GET', '/me', undefined, token), /: 401 /);
});

test('a proof and a sign-out leave the session of another user alone', async () => {
  const { client, storage, secret } = await signUp();
  const other = await signUp();
  await service.advance(330);
  const token = await client.accessToken();
  Object.assign(storage.kept, other.storage.kept);
  client.prove = async (stepUp) => stepUp.withCode(await nextCode(secret));
  await fails(client.renewRecoveryCodes(), 'user_changed');
  assert.equal((await client.user()).email, other.email);
  assert.equal((await service.call('GET', '/sessions', undefined, token)).length, 1);

  const third = await signUp();
  Object.assign(storage.kept, third.storage.kept);
  const others = await client.accessToken();
  await client.signOut();
  await assert.rejects(service.call('GET', '/me', undefined, others), /: 401 /);
  assert.equal((await client.user()).email, third.email);
  await client.signOut();
  assert.equal(client.state.status, 'signed_out');
  assert.equal(storage.kept['refresh-token'], undefined);
});

test('a newer refresh token that another part of the app stored is used', async () => {
  const { client, storage, secret } = await signUp();
  const old = storage.kept['refresh-token'];
  await service.advance(900);
  client.prove = async (stepUp) => stepUp.withCode(await nextCode(secret));
  await client.renewRecoveryCodes();
  // For some seconds after a step-up the service refuses the tokens from before, and the session goes on.
  let looks = 0;
  const load = async (name) => (name === 'refresh-token' && (looks += 1) === 1 ? old : storage.load(name));
  const late = new Vestibule(service.url, { storage: { ...storage, load } });
  assert.equal((await late.restore()).status, 'signed_in');
  assert.equal(looks, 2);
});

test('a refresh whose answer is lost is sent again', async () => {
  const { storage, email } = await signUp();
  let lost = 0;
  // A network that loses the first answer of a refresh.
  const network = createServer(async (request, response) => {
    const body = request.method === 'GET' ? undefined : Buffer.concat(await request.toArray());
    const headers = { ...request.headers, 'content-length': undefined, connection: undefined };
    const sent = Object.entries(headers).filter(([, value]) => value !== undefined);
    const answer = await fetch(service.url + request.url, { method: request.method, headers: sent, body });
    const text = await answer.text();
    if (request.url === '/token/refresh' && (lost += 1) === 1) request.socket.destroy();
    else response.writeHead(answer.status, { 'Content-Type': answer.headers.get('Content-Type') ?? '' }).end(text);
  });
  await new Promise((resolve) => network.listen(0, '127.0.0.1', () => resolve(undefined)));
  try {
    const client = new Vestibule(`http://127.0.0.1:${network.address().port}/`, { storage });
    assert.equal((await client.restore()).status, 'signed_in');
    assert.equal(lost, 2);
    assert.equal((await client.user()).email, email);
  } finally {
    network.close();
  }
});

test('a refresh that is never answered does not hold up the app', async (t) => {
  let asked = () => {};
  const silent = createServer(() => asked());
  await new Promise((resolve) => silent.listen(0, '127.0.0.1', () => resolve(undefined)));
  const nextRequest = () => new Promise((resolve) => (asked = () => resolve(undefined)));
  const client = new Vestibule(`http://127.0.0.1:${silent.address().port}`, {
    storage: { load: async () => 'vrt_some', save: async () => {} },
  });
  t.mock.timers.enable({ apis: ['setTimeout'] });
  try {
    let arrived = nextRequest();
    const restored = assert.rejects(client.restore(), (error) => isVestibuleError(error, 'no_answer'));
    await arrived;
    arrived = nextRequest();
    t.mock.timers.tick(20_000);
    await arrived;
    t.mock.timers.tick(20_000);
    await restored;
    assert.equal(client.state.status, 'unknown');
  } finally {
    silent.closeAllConnections();
    silent.close();
  }
});

test('the client computes while strangers have to wait', async () => {
  const { email } = await signUp();
  for (let number = 0; number < 20; number += 1) {
    const guesser = new Vestibule(service.url, {
      storage: 'memory',
      headers: { 'X-Forwarded-For': `198.51.${number}.1` },
    });
    await fails(guesser.signIn({ email, password: 'wrong horse' }), 'invalid_credentials');
  }
  const client = new Vestibule(service.url, { storage: 'memory', headers: { 'X-Forwarded-For': '192.0.2.1' } });
  const credentials = { email, password: PASSWORD };
  await assert.rejects(
    client.call('post', '/login', { body: credentials }),
    (error) => isVestibuleError(error, 'rate_limited') && error.retryAfter > 0,
  );
  const stopping = new AbortController();
  const seen = [];
  const onWork = (progress) => {
    seen.push(progress);
    stopping.abort();
  };
  await assert.rejects(client.signIn(credentials, { signal: stopping.signal, onWork }), { name: 'AbortError' });
  assert.equal(seen.at(-1), undefined);
  assert.ok(seen[0] === undefined || (seen[0].done > 0 && seen[0].done < 1));
  assert.equal((await client.signIn(credentials)).status, 'second_factor_required');
});

test('back ends get the token, and what they demand', async () => {
  await backEnd.follow(service);
  const { client, secret, email } = await signUp({ backEnds: [backEnd.url] });
  const { user, acr, scheme, body } = await (
    await client.fetch(`${backEnd.url}/notes`, { method: 'POST', body: 'written once' })
  ).json();
  assert.deepEqual([acr, scheme, body], ['aal2', 'Bearer', 'written once']);
  assert.equal(user, (await client.user()).id);
  // A token that has expired for the back end is replaced.
  backEnd.refusals.length = 0;
  backEnd.refusesNext = true;
  const again = await client.fetch(`${backEnd.url}/notes`, { method: 'POST', body: 'again' });
  assert.equal((await again.json()).body, 'again');
  assert.equal(backEnd.refusals.length, 1);
  assert.match(backEnd.refusals[0], /invalid_token/);
  // A payment needs a proof of now.
  await service.advance(30);
  await backEnd.follow(service);
  backEnd.oldestProof = Math.floor(await service.now());
  const pay = () => client.fetch(new Request(`${backEnd.url}/payments`, { method: 'POST', body: '5 euros' }));
  assert.equal((await pay()).status, 401);
  client.prove = async (stepUp) => {
    assert.deepEqual(stepUp.methods, ['totp', 'recovery_code']);
    assert.deepEqual([stepUp.acrValues, stepUp.maxAge], ['aal2', 300]);
    await stepUp.withCode(await nextCode(secret));
  };
  const paid = await pay();
  assert.equal(paid.status, 200);
  assert.equal((await paid.json()).body, '5 euros');
  assert.equal((await client.user()).email, email);
});

test('no other server gets the token', async () => {
  const { client } = await signUp({ backEnds: [backEnd.url] });
  await assert.rejects(client.fetch(`${backEnd.url.replace('localhost', '127.0.0.1')}/notes`), TypeError);
  await assert.rejects(client.fetch('https://api.example.com/'), TypeError);
});

test('an id names one thing, and no other path', async () => {
  const { client } = await signUp();
  for (const id of ['', '.', '..']) await assert.rejects(client.endSession(id), TypeError);
  await fails(client.endSession('../me'), 'not_found');
  assert.equal((await client.sessions()).length, 1);
});

test('a challenge is read in a time that grows with its length', () => {
  const read = (header) => Object.fromEntries(parseChallenge(header));
  const demand = 'error = "insufficient_user_authentication", acr_values="aal2",max_age=300';
  assert.deepEqual(read(`Bearer realm="a=b, \\"c\\"", DPoP ${demand}, Bearer error="invalid_token"`), {
    realm: 'a=b, "c"',
    error: 'insufficient_user_authentication',
    acr_values: 'aal2',
    max_age: '300',
  });
  const start = performance.now();
  for (const piece of ['a', 'a ', 'a=', 'a="', ' ', '\\"']) {
    for (let turn = 0; turn < 100; turn += 1) read(`error=x ${piece.repeat(8000 / piece.length)}`);
  }
  assert.deepEqual(read('a'.repeat(100_000)), {});
  assert.deepEqual(read(`error=x ${'a'.repeat(8192)}`), {});
  assert.ok(performance.now() - start < 1000);
});

test('what mails and devices are for, and sessions elsewhere', async () => {
  const { client, email, secret } = await signUp();
  await client.requestEmailVerification();
  assert.ok((await service.message(email, 'email_verification')).token);
  const elsewhere = new Vestibule(service.url, { storage: 'memory' });
  await elsewhere.requestEmailVerification(email);
  const signIn = async () => {
    const login = await elsewhere.signIn({ email, password: PASSWORD });
    await login.verify(await nextCode(secret));
  };
  await signIn();
  const [other] = (await client.sessions()).filter(({ current }) => !current);
  await client.endSession(other.id);
  await fails(elsewhere.user(), 'invalid_refresh_token');
  assert.equal(elsewhere.state.status, 'signed_out');
  await signIn();
  await client.endOtherSessions();
  assert.equal((await client.sessions()).length, 1);
  await client.forget();
  assert.equal(client.state.status, 'signed_out');
});

test('errors without an answer of the service are told apart', async () => {
  const gone = new Vestibule('http://127.0.0.1:9', { storage: 'memory' });
  await fails(gone.signIn({ email: 'jo@example.com', password: PASSWORD }), 'no_answer');
  const page = new Vestibule(`${service.url}/account`, { storage: 'memory' });
  await fails(page.providers(), 'no_answer');
  const signal = AbortSignal.abort();
  await assert.rejects(
    new Vestibule(service.url).call('get', '/federation', { signal }),
    { name: 'AbortError' },
  );
});

test('tokens are bound to a key, from the first request on', async () => {
  // Proofs have the time of this machine, so this service's clock does not move.
  const still = await startService();
  const verifier = await BackEnd.start(still.url);
  try {
    const key = await temporaryKey();
    const storage = keystore();
    const options = { storage, dpop: key, backEnds: [verifier.url] };
    const client = new Vestibule(still.url, options);
    const email = 'bound@example.com';
    const registered = await client.register({ email, password: PASSWORD });
    const { secret } = await registered.createAuthenticator();
    const { recoveryCodes } = await registered.confirm(codeAt(secret, Date.now() / 1000));
    assert.equal((await client.user()).email, email);
    // A back end with a library of its own accepts the proofs.
    assert.equal((await (await client.fetch(`${verifier.url}/notes?of=mine`)).json()).scheme, 'DPoP');
    await setTimeout(1100);
    verifier.oldestProof = Math.floor(Date.now() / 1000);
    client.prove = (stepUp) => stepUp.withCode(recoveryCodes[0]);
    assert.equal((await client.fetch(`${verifier.url}/payments`, { method: 'POST', body: '5 euros' })).status, 200);
    // The refresh token is worth nothing without the key.
    const stored = storage.kept['refresh-token'];
    const thief = new Vestibule(still.url, { storage: { load: async () => stored, save: async () => {} } });
    await thief.restore();
    assert.equal(thief.state.status, 'signed_out');
    const restarted = new Vestibule(still.url, options);
    assert.equal((await restarted.restore()).status, 'signed_in');
    // Changes at the same moment use each other's nonces up, and are repeated.
    const locales = ['de', 'en', 'de', 'en'];
    await Promise.all(locales.map((locale) => restarted.authorized('patch', '/me', { body: { locale } })));
    await restarted.signOut();
    const login = await restarted.signIn({ email, password: PASSWORD });
    await login.verify(recoveryCodes[1]);
    assert.equal((await restarted.user()).email, email);
  } finally {
    verifier.stop();
    await still.stop();
  }
});

test('a session that began without a proof goes on without one', async () => {
  const still = await startService();
  try {
    const storage = keystore();
    const plain = new Vestibule(still.url, { storage });
    const registered = await plain.register({ email: 'plain@example.com', password: PASSWORD });
    const { secret } = await registered.createAuthenticator();
    await registered.confirm(codeAt(secret, Date.now() / 1000));
    const bound = new Vestibule(still.url, { storage, dpop: await temporaryKey() });
    assert.equal((await bound.restore()).status, 'signed_in');
    assert.equal((await bound.user()).email, 'plain@example.com');
  } finally {
    await still.stop();
  }
});

test('a service that takes no proofs gets none', async () => {
  const off = await startService({ DPOP: 'off' });
  try {
    const client = new Vestibule(off.url, { storage: 'memory', dpop: await temporaryKey() });
    const email = 'off@example.com';
    await client.register({ email, password: PASSWORD });
    // The pre-auth token of this login comes as a bearer token.
    const login = await client.signIn({ email, password: PASSWORD });
    const { secret } = await login.createAuthenticator();
    await login.confirm(codeAt(secret, Date.now() / 1000));
    assert.equal((await client.user()).email, email);
  } finally {
    await off.stop();
  }
});
