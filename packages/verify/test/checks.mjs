// What a back end with the routes of the examples does, whatever it is built with: who passes, what the others are
// told, and how soon a logout counts.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { dpop } from './package.mjs';
import { User } from './user.mjs';

const ALGS = 'DPoP algs="ES256 EdDSA Ed25519 PS256 RS256"';
const STEP_UP = 'error="insufficient_user_authentication", acr_values="aal2", max_age="300"';
/** Seconds from the answer to a logout until it counts. */
const PROMISED = 5;

/** By name, each with the service, whose users need no second factor, and the back end. */
export const CHECKS = {
  async 'a token, a role and a step-up'({ service, backEnd }) {
    const jo = await User.signUp(service);
    const call = async (method, path) => backEnd.call(method, path, await jo.credentials(method, backEnd.url + path));
    const bare = await backEnd.call('GET', '/me');
    assert.deepEqual([bare.status, bare.challenge, bare.body], [401, `Bearer, ${ALGS}`, { code: 'invalid_token' }]);
    const me = await call('GET', '/me');
    assert.deepEqual([me.status, Object.keys(me.body)], [200, ['sub']]);
    const forged = await backEnd.call('GET', '/me', { authorization: `Bearer ${jo.accessToken}x` });
    assert.deepEqual([forged.status, forged.challenge], [401, `Bearer error="invalid_token", ${ALGS}`]);

    for (const path of ['/admin', '/internal/report']) {
      const { status, body } = await call('GET', path);
      assert.deepEqual([status, body], [403, { code: 'forbidden' }]);
    }
    await service.operate(['users', 'grant', jo.email, 'editor', '--unverified']);
    assert.equal((await call('GET', '/admin')).status, 403);
    await jo.refresh();
    assert.equal((await call('GET', '/admin')).status, 200);
    assert.deepEqual((await call('GET', '/internal/report')).body, { rows: 0 });
    assert.equal((await backEnd.call('GET', '/internal/report')).status, 401);

    const weak = await call('POST', '/payments');
    assert.deepEqual([weak.status, weak.challenge], [401, `Bearer ${STEP_UP}, ${ALGS}`]);
    assert.deepEqual(weak.body, { code: 'insufficient_user_authentication', acr_values: 'aal2', max_age: 300 });
    await jo.stepUp();
    assert.equal((await call('POST', '/payments')).status, 200);
  },

  async 'a logout'({ service, backEnd }) {
    const [leaving, staying] = [await User.signUp(service), await User.signUp(service)];
    const call = async (user) => backEnd.call('GET', '/me', await user.credentials('GET', `${backEnd.url}/me`));
    assert.equal((await call(leaving)).status, 200);
    await leaving.logOut();
    const ended = performance.now();
    while ((await call(leaving)).status === 200) {
      assert.ok(performance.now() - ended < PROMISED * 1000, 'the session counts for too long');
      await sleep(50);
    }
    assert.equal((await call(leaving)).challenge, `Bearer error="invalid_token", ${ALGS}`);
    assert.equal((await call(staying)).status, 200);
  },

  async 'a token that is bound to a key'({ service, backEnd }) {
    const jo = await User.signUp(service, await dpop.generateKeyPair('ES256'));
    const headers = await jo.credentials('GET', `${backEnd.url}/me`);
    assert.equal((await backEnd.call('GET', '/me', headers)).status, 200);
    const again = await backEnd.call('GET', '/me', headers);
    assert.deepEqual([again.status, again.body], [401, { code: 'invalid_dpop_proof' }]);
    const { authorization } = headers;
    assert.match(
      (await backEnd.call('GET', '/me', { authorization })).challenge,
      /^DPoP error="invalid_dpop_proof", algs/,
    );
    const asBearer = await backEnd.call('GET', '/me', { authorization: `Bearer ${jo.accessToken}` });
    assert.deepEqual([asBearer.status, asBearer.challenge], [401, `Bearer error="invalid_token", ${ALGS}`]);
    const elsewhere = await jo.credentials('POST', `${backEnd.url}/me`);
    assert.equal((await backEnd.call('POST', '/payments', elsewhere)).status, 401);
    await jo.stepUp();
    const paying = await jo.credentials('POST', `${backEnd.url}/payments`);
    assert.equal((await backEnd.call('POST', '/payments?reference=7', paying)).status, 200);
    const report = await jo.credentials('GET', `${backEnd.url}/internal/report`);
    assert.equal((await backEnd.call('GET', '/internal/report', report)).status, 403);
  },
};

/** A back end that never reached the service says that it cannot decide. */
export async function checkWithoutKeys({ service, backEnd }) {
  const jo = await User.signUp(service);
  const { status, retryAfter, body } = await backEnd.call('GET', '/me', await jo.credentials('GET', backEnd.url));
  assert.deepEqual([status, retryAfter, body], [503, '5', { code: 'service_unavailable' }]);
  assert.equal((await backEnd.call('GET', '/me')).status, 401);
}
