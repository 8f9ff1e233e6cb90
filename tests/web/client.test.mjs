// The example client and the recipes of docs/CLIENTS.md do what they say. tests/web/check-types has compiled them.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { ROOT, generateSync } from './libraries.mjs';
import { PASSWORD } from './person.mjs';
import { startService } from './service.mjs';

const load = (name) => import(`${ROOT}target/web-tests/types/out/${name}.js`);
/** @type {any} */
let service;

before(async () => {
  service = await startService({ TRUSTED_PROXIES: '127.0.0.0/8' });
});
after(() => service?.stop());

async function nextCode(secret) {
  await service.advance(30);
  return generateSync({ secret, epoch: Math.floor(await service.now()) });
}

/** A keystore. */
function keystore() {
  const kept = { token: undefined };
  return { kept, load: async () => kept.token, save: async (token) => void (kept.token = token) };
}

test('a native app registers, restarts, steps up and logs out', async () => {
  const [{ open, register, whoAmI }, { Vestibule }] = [await load('recipe-2'), await load('vestibule')];
  const store = keystore();
  const app = open(service.url, store);
  let secret = '';
  const codes = await register(app, 'native@example.com', PASSWORD, async (totp) => nextCode((secret = totp.secret)));
  assert.equal(codes.length, 10);
  assert.equal((await whoAmI(app)).email, 'native@example.com');
  const first = store.kept.token;
  const restarted = new Vestibule(service.url, {
    refreshTokens: store,
    prove: async ({ acr_values }) => {
      assert.equal(acr_values, 'aal2');
      return { code: await nextCode(secret) };
    },
  });
  assert.equal((await whoAmI(restarted)).email, 'native@example.com');
  assert.notEqual(store.kept.token, first);
  // The access token expires, and the last proof is too old.
  await service.advance(900);
  const { recovery_codes } = await restarted.authorized('post', '/2fa/recovery-codes', undefined);
  assert.equal(recovery_codes.length, 10);
  // Page by page, the audit events are those of one large page.
  const { items, next_cursor } = await restarted.authorized('get', '/me/events', undefined, { query: { limit: 2 } });
  const query = { limit: 100, cursor: next_cursor };
  const rest = await restarted.authorized('get', '/me/events', undefined, { query });
  const all = await restarted.authorized('get', '/me/events', undefined, { query: { limit: 100, cursor: undefined } });
  assert.equal(items.length, 2);
  assert.deepEqual([...items, ...rest.items], all.items);
  await restarted.logOut();
  await assert.rejects(whoAmI(restarted), ({ problem }) => problem.code === 'invalid_refresh_token');
});

test('an account without a second factor sets one up at the sign-in', async () => {
  const [{ signIn, enrol }, { open, whoAmI }] = [await load('recipe-1'), await load('recipe-2')];
  const app = open(service.url, keystore());
  const email = 'enrol@example.com';
  await app.call('post', '/register', { email, password: PASSWORD });
  const asked = () => assert.fail('there is no code to ask for');
  const { enrolWith } = await signIn(app, email, PASSWORD, asked);
  const codes = await enrol(app, enrolWith, (totp) => nextCode(totp.secret));
  assert.equal(codes.length, 10);
  assert.equal((await whoAmI(app)).email, email);
});

test('a server-rendered app signs users in, with their own address', async () => {
  const [native, { open, postLogin, postCode }] = [await load('recipe-2'), await load('recipe-3')];
  let secret = '';
  const email = 'server@example.com';
  await native.register(native.open(service.url, keystore()), email, PASSWORD, async (totp) =>
    nextCode((secret = totp.secret)),
  );
  const session = {};
  const vestibule = open(service.url, session, '198.51.100.7');
  assert.equal(await postLogin(vestibule, session, email, PASSWORD), '/code');
  assert.equal(await postCode(vestibule, session, '000000'), '/code?wrong');
  assert.equal(await postCode(vestibule, session, await nextCode(secret)), '/');
  assert.equal(session.preAuthToken, undefined);
  const sessions = await vestibule.authorized('get', '/sessions', undefined);
  assert.ok(sessions.some(({ current, ip }) => current && ip === '198.51.100.7'));
  assert.equal(await postCode(vestibule, { preAuthToken: 'vpa_nonsense' }, '123456'), '/login');
});

test('an address is verified with the session, and with the password where there is none', async () => {
  const [{ open, register }, { Vestibule }] = [await load('recipe-2'), await load('vestibule')];
  for (const signedIn of [true, false]) {
    const email = `confirm-${signedIn}@example.com`;
    const app = open(service.url, keystore());
    await register(app, email, PASSWORD, (totp) => nextCode(totp.secret));
    const { token } = await service.message(email, 'email_verification');
    const client = signedIn ? app : new Vestibule(service.url, { refreshTokens: keystore() });
    let asked = 0;
    const ask = (/** @type {string} */ password) => async () => {
      asked += 1;
      return password;
    };
    if (!signedIn) {
      const wrong = client.confirmAddress(token, ask('another password'));
      await assert.rejects(wrong, ({ problem }) => problem.code === 'invalid_credentials');
    }
    await client.confirmAddress(token, ask(PASSWORD));
    assert.equal(asked, signedIn ? 0 : 2);
    assert.equal((await app.authorized('get', '/me', undefined)).email_verified, true);
  }
});

test('errors are distinguished by their code', async () => {
  const { Vestibule, VestibuleError } = await load('vestibule');
  const client = new Vestibule(service.url, { refreshTokens: keystore() });
  const wrong = client.call('post', '/login', { email: 'nobody@example.com', password: 'x' });
  await assert.rejects(
    wrong,
    (error) => error instanceof VestibuleError && error.problem.code === 'invalid_credentials',
  );
});

test('an app computes while strangers have to wait', async () => {
  const [{ open, register }, { VestibuleError }] = [await load('recipe-2'), await load('vestibule')];
  const email = 'attacked@example.com';
  await register(open(service.url, keystore()), email, PASSWORD, (totp) => nextCode(totp.secret));
  const guess = async (number) => {
    const answer = await fetch(`${service.url}/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Forwarded-For': `198.51.${number}.1` },
      body: JSON.stringify({ email, password: 'wrong horse' }),
    });
    // Read to its end, so that the next guess has the connection again.
    return `${answer.status} ${await answer.text()}`;
  };
  for (let number = 0; number < 20; number += 1) assert.match(await guess(number), /^401 /);
  const { Vestibule } = await load('vestibule');
  const headers = { 'X-Forwarded-For': '192.0.2.1' };
  const app = new Vestibule(service.url, { refreshTokens: keystore(), headers });
  const body = { email, password: PASSWORD };
  await assert.rejects(app.call('post', '/login', body), (error) => error instanceof VestibuleError && error.retryAfter > 0);
  await assert.rejects(app.withWork('/login', body, AbortSignal.abort()), { name: 'AbortError' });
  assert.equal((await app.withWork('/login', body)).status, 'second_factor_required');
});
