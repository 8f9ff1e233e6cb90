// A back end on oauth4webapi that accepts tokens that are bound to a key (RFC 9449).
//
//     node dpop_vectors.mjs VECTORS
//
// VECTORS: what GET /dev/test-vectors answers. Exits with 0 if the library accepts and refuses what the vectors say.

import assert from "node:assert/strict";
import * as oauth from "oauth4webapi";

const { issuer, dpop } = JSON.parse(process.argv[2]);
const insecure = { [oauth.allowInsecureRequests]: true };
const found = await oauth.discoveryRequest(new URL(issuer), insecure);
const as = await oauth.processDiscoveryResponse(new URL(issuer), found);

async function decide({ audience, method, url, scheme, token, proof }) {
  const headers = { authorization: `${scheme} ${token}`, ...(proof === null ? {} : { dpop: proof }) };
  const request = new Request(url, { method, headers });
  try {
    await oauth.validateJwtAccessToken(as, request, audience, insecure);
    return true;
  } catch (thrown) {
    // A decision of the library, not a fault of this program.
    assert.ok(thrown.name.includes("Error") && !(thrown instanceof ReferenceError), thrown);
    return false;
  }
}

assert.ok(dpop.some(({ accept }) => accept));
for (const vector of dpop) {
  assert.equal(await decide(vector), vector.accept, `${vector.name}: ${vector.why}`);
}
