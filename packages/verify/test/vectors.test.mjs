// The tokens and requests of `GET /dev/test-vectors` of a running service: what must be accepted is, and nothing else.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startService } from '../../../tests/web/service.mjs';
import { createVerifier, refusalOf } from './package.mjs';

for (const algorithm of ['ES256', 'EdDSA', 'RS256']) {
  test(`a service that signs with ${algorithm}`, async (context) => {
    const service = await startService({ SIGNING_ALG: algorithm });
    context.after(() => service.stop());
    await context.test('bearer tokens', () => bearerTokens(service.url, algorithm));
    await context.test('requests with bound tokens', () => boundTokens(service.url, algorithm));
  });
}

async function bearerTokens(issuer, algorithm) {
  const { vectors } = await (await fetch(`${issuer}/dev/test-vectors`)).json();
  assert.ok(vectors.length > 25 && vectors.filter(({ accept }) => accept).length >= 4);
  for (const { name, audience, accept, token, why } of vectors) {
    const verifier = createVerifier({ issuer, audience, algorithms: [algorithm] });
    const kind = ['user', 'application', 'service'];
    const checking = verifier.check(
      { method: 'GET', url: '/', headers: { authorization: `Bearer ${token}` } },
      { kind, scope: 'orders:read' },
    );
    if (accept) assert.ok((await checking).sub, `${name}: ${why}`);
    else assert.equal((await refusalOf(checking)).status, 401, `${name}: ${why}`);
  }
}

async function boundTokens(issuer, algorithm) {
  const { dpop } = await (await fetch(`${issuer}/dev/test-vectors`)).json();
  assert.ok(dpop.length > 20 && dpop.filter(({ accept }) => accept).length >= 2);
  for (const { name, audience, accept, method, url, scheme, token, proof, why } of dpop) {
    const baseUrl = new URL(url).origin;
    const verifier = createVerifier({ issuer, audience, algorithms: [algorithm], dpop: { baseUrl } });
    const headers = { authorization: `${scheme} ${token}`, ...(proof !== null && { dpop: proof }) };
    const checking = verifier.check({ method, url, headers });
    if (accept) assert.ok((await checking).sub, `${name}: ${why}`);
    else assert.equal((await refusalOf(checking)).status, 401, `${name}: ${why}`);
  }
}
