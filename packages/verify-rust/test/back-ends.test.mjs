// The crate: what is in it, its own tests, and its examples on axum and actix-web against a running service. The checks of
// the examples are those of the package for Node, which packages/verify/test/prepare installs.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { startService } from '../../../tests/web/service.mjs';
import { CHECKS, checkWithoutKeys } from '../../verify/test/checks.mjs';
import { BackEnd, freePort } from '../../verify/test/project.mjs';

const CRATE = fileURLToPath(new URL('..', import.meta.url));
const TARGET = fileURLToPath(new URL('../../../target/packages/verify-rust', import.meta.url));
/** The resource of the tokens of applications and services among the test vectors, and the host of their requests. */
const RESOURCE = 'https://api.example.com';

let service;
before(async () => {
  service = await startService({ TWO_FACTOR_POLICY: 'optional' });
});
after(() => service?.stop());

async function cargo(...given) {
  const env = { ...process.env, CARGO_TARGET_DIR: TARGET };
  return (await promisify(execFile)('cargo', given, { cwd: CRATE, env, maxBuffer: 1 << 26 })).stdout;
}

test('the crate has its sources, and each feature compiles alone', async () => {
  const files = (await cargo('package', '--list', '--locked', '--allow-dirty')).trim().split('\n');
  const others = files.filter((name) => !/^(src\/|examples\/|Cargo\.|README\.md$|LICENSE-|\.cargo_vcs_info\.json$)/.test(name));
  assert.deepEqual(others, []);
  for (const name of ['src/lib.rs', 'src/axum.rs', 'src/actix.rs', 'README.md', 'LICENSE-MIT', 'LICENSE-APACHE']) assert.ok(files.includes(name), name);
  for (const features of ['', 'axum', 'actix']) {
    await cargo('clippy', '--locked', '--lib', '--features', features, '--', '-D', 'warnings');
  }
  await cargo('clippy', '--locked', '--all-features', '--all-targets', '--', '-D', 'warnings');
  await cargo('fmt', '--check');
});

test('the tests of the crate', () => cargo('test', '--locked', '--all-features', '--lib'));

for (const name of ['axum', 'actix']) {
  test(`the example for ${name}`, async (context) => {
    await cargo('build', '--locked', '--all-features', '--example', name);
    const start = async (environment) => {
      const project = { name, place: CRATE, start: [`${TARGET}/debug/examples/${name}`] };
      const backEnd = await BackEnd.start(project, { VESTIBULE_ISSUER: service.url, ...environment });
      context.after(() => backEnd.stop());
      return backEnd;
    };
    const backEnd = await start({});
    for (const [title, check] of Object.entries(CHECKS)) await context.test(title, () => check({ service, backEnd }));
    await context.test('without keys', async () => {
      const isolated = await start({ VESTIBULE_ISSUER: `http://127.0.0.1:${await freePort()}` });
      await checkWithoutKeys({ service, backEnd: isolated });
    });
    await context.test('test vectors', async () => {
      const vectors = await (await fetch(`${service.url}/dev/test-vectors`)).json();
      await takeTokens(backEnd, '/me', vectors.vectors, vectors.audience);
      const ofResource = await start({ VESTIBULE_AUDIENCE: RESOURCE });
      await takeTokens(ofResource, '/orders/7', vectors.vectors, RESOURCE);
      await takeProofs(await start({ BASE_URL: RESOURCE }), vectors.dpop);
    });
  });
}

/** Sends the tokens for a verifier of one audience. */
async function takeTokens(backEnd, path, vectors, own) {
  const ours = vectors.filter(({ audience }) => audience === own);
  assert.equal(ours.filter(({ accept }) => accept).length, 2);
  for (const { name, why, accept, token } of ours) {
    const { status } = await backEnd.call('GET', path, { authorization: `Bearer ${token}` });
    assert.equal(status, accept ? 200 : 401, `${name}: ${why}`);
  }
}

async function takeProofs(backEnd, vectors) {
  assert.ok(vectors.some(({ accept }) => accept));
  for (const { name, why, accept, method, url, scheme, token, proof } of vectors) {
    const headers = { authorization: `${scheme} ${token}`, ...(proof !== null && { dpop: proof }) };
    const { status } = await backEnd.call(method, new URL(url).pathname, headers);
    assert.equal(status, accept ? 200 : 401, `${name}: ${why}`);
  }
}
