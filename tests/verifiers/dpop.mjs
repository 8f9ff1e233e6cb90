// Clients whose tokens are bound to a key (RFC 9449), each on a library that others wrote: applications and a service on
// openid-client and oauth4webapi, and a front end that calls the JSON API on dpop.
//
//     node dpop.mjs SCENE
//
// SCENE: JSON with the issuer, the clients, and access tokens of users. Exits with 0 after every step went as expected.

import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import * as DPoP from "dpop";
import * as oauth from "oauth4webapi";
import * as oidc from "openid-client";
import { decide } from "./user.mjs";

const { issuer, api, callback, clients, users } = JSON.parse(process.argv[2]);
const insecure = { [oauth.allowInsecureRequests]: true };

/** Counts the requests of a step. */
let requests = 0;
const counting = (url, options) => {
  requests += 1;
  return fetch(url, options);
};

const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
const bearer = (token) => fetch(`${issuer}/userinfo`, { headers: { authorization: `Bearer ${token}` } });

async function onOpenidClient(client, authentication, user) {
  const execute = [oidc.allowInsecureRequests];
  const config = await oidc.discovery(new URL(issuer), client.id, undefined, authentication, { execute });
  config[oidc.customFetch] = counting;
  assert.ok(config.serverMetadata().dpop_signing_alg_values_supported.includes("ES256"));
  const keys = await oidc.randomDPoPKeyPair("ES256");
  const handle = oidc.getDPoPHandle(config, keys);
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier, expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce() };
  const request = {
    redirect_uri: callback,
    scope: "openid email offline_access",
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    state: checks.expectedState,
    nonce: checks.expectedNonce,
  };
  const url = await oidc.buildAuthorizationUrlWithPAR(config, request, { DPoP: handle });
  const back = await decide(url, user);
  const tokens = await oidc.authorizationCodeGrant(config, back, checks, undefined, { DPoP: handle });
  assert.equal(tokens.token_type, "dpop");
  assert.equal(claims(tokens.access_token).cnf.jkt, await DPoP.calculateThumbprint(keys.publicKey));
  assert.equal((await bearer(tokens.access_token)).status, 401);
  const { sub } = tokens.claims();
  await oidc.fetchUserInfo(config, tokens.access_token, sub, { DPoP: handle });
  requests = 0;
  const info = await oidc.fetchUserInfo(config, tokens.access_token, sub, { DPoP: handle });
  assert.equal(info.sub, sub);
  const next = await oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP: handle });
  assert.equal(next.token_type, "dpop");
  // The nonces of the answers before were enough.
  assert.equal(requests, 2);
  const thief = { DPoP: oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair("ES256")) };
  await assert.rejects(oidc.refreshTokenGrant(config, next.refresh_token, undefined, thief));
  await oidc.refreshTokenGrant(config, next.refresh_token, undefined, { DPoP: handle });
}

await onOpenidClient(clients.public, oidc.None(), users[0]);
await onOpenidClient(clients.confidential, oidc.ClientSecretBasic(clients.confidential.secret), users[1]);

/** A service on oauth4webapi, which leaves the second try to its caller. */
async function onOauth4webapi({ id, secret }) {
  const found = await oauth.discoveryRequest(new URL(issuer), insecure);
  const as = await oauth.processDiscoveryResponse(new URL(issuer), found);
  const client = { client_id: id };
  for (const algorithm of ["ES256", "Ed25519", "PS256"]) {
    const keys = await oauth.generateKeyPair(algorithm);
    const handle = oauth.DPoP(client, keys);
    const ask = async () => {
      const parameters = { resource: api };
      const options = { DPoP: handle, ...insecure };
      const auth = oauth.ClientSecretPost(secret);
      const answer = await oauth.clientCredentialsGrantRequest(as, client, auth, parameters, options);
      return oauth.processClientCredentialsResponse(as, client, answer);
    };
    await assert.rejects(ask, oauth.isDPoPNonceError);
    const tokens = await ask();
    assert.equal(tokens.token_type, "dpop", algorithm);
    assert.equal(claims(tokens.access_token).cnf.jkt, await handle.calculateThumbprint());
  }
}

await onOauth4webapi(clients.service);

/** The code of an authenticator (RFC 6238). */
function totp(secret) {
  const bits = [...secret].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0"));
  const bytes = bits.join("").match(/.{8}/g).map((byte) => Number.parseInt(byte, 2));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const hash = createHmac("sha1", Buffer.from(bytes)).update(step).digest();
  const offset = hash[19] & 15;
  return String((hash.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** The front end of docs/CLIENTS.md: a key that cannot be exported, and the newest nonce. */
class FrontEnd {
  static async make(algorithm) {
    const frontEnd = new FrontEnd();
    frontEnd.keys = await DPoP.generateKeyPair(algorithm);
    return frontEnd;
  }

  async call(method, path, { body, token } = {}) {
    const send = async () => {
      const proof = await DPoP.generateProof(this.keys, issuer + path, method, this.nonce, token);
      const headers = { dpop: proof, ...(token && { authorization: `DPoP ${token}` }) };
      if (body) headers["content-type"] = "application/json";
      const answer = await counting(issuer + path, { method, headers, body: body && JSON.stringify(body) });
      this.nonce = answer.headers.get("dpop-nonce") ?? this.nonce;
      return { status: answer.status, body: answer.status === 204 ? null : await answer.json() };
    };
    for (let tries = 1; ; tries += 1) {
      const answer = await send();
      if (answer.body?.code !== "use_dpop_nonce" || tries === 3) return answer;
    }
  }
}

for (const algorithm of ["ES256", "Ed25519"]) {
  const frontEnd = await FrontEnd.make(algorithm);
  const email = `${randomUUID()}@example.com`;
  const registered = await frontEnd.call("POST", "/register", { body: { email, password: "korrekt pferd batterie" } });
  assert.equal(registered.status, 201);
  requests = 0;
  const { pre_auth_token, totp: { secret } } = registered.body;
  const signedIn = await frontEnd.call("POST", "/2fa/verify", { body: { pre_auth_token, code: totp(secret) } });
  assert.equal(signedIn.body.token_type, "DPoP");
  const token = signedIn.body.access_token;
  assert.equal(claims(token).cnf.jkt, await DPoP.calculateThumbprint(frontEnd.keys.publicKey));
  assert.equal((await frontEnd.call("GET", "/me", { token })).status, 200);
  for (const locale of ["de", "en"]) {
    assert.equal((await frontEnd.call("PATCH", "/me", { token, body: { locale } })).status, 200);
  }
  const { refresh_token } = signedIn.body;
  const thief = await FrontEnd.make(algorithm);
  assert.equal(requests, 4);
  assert.equal((await thief.call("POST", "/token/refresh", { body: { refresh_token } })).status, 400);
  const next = await frontEnd.call("POST", "/token/refresh", { body: { refresh_token } });
  assert.equal(next.status, 200);
  const me = await fetch(`${issuer}/me`, { headers: { authorization: `Bearer ${next.body.access_token}` } });
  assert.equal(me.status, 401);
  assert.equal((await frontEnd.call("POST", "/logout", { token: next.body.access_token })).status, 204);
}
