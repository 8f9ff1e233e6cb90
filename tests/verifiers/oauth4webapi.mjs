// Applications, a service and a back end on oauth4webapi, which checks each answer step by step.
//
//     node oauth4webapi.mjs SCENE
//
// SCENE: JSON with the issuer, the clients, and access tokens of users. Exits with 0 after every step went as expected.

import assert from "node:assert/strict";
import * as oauth from "oauth4webapi";
import { decide, follow, privateKey } from "./user.mjs";

const { issuer, api, callback, goodbye, clients, users } = JSON.parse(process.argv[2]);
const insecure = { [oauth.allowInsecureRequests]: true };

const METHODS = {
  none: () => oauth.None(),
  client_secret_basic: oauth.ClientSecretBasic,
  client_secret_post: oauth.ClientSecretPost,
  private_key_jwt: oauth.PrivateKeyJwt,
};
const key = await privateKey(clients.signing.key);

/** Both documents describe the service: that of OpenID Connect and that of OAuth (RFC 8414). */
async function discover() {
  const found = [];
  for (const algorithm of ["oidc", "oauth2"]) {
    const answer = await oauth.discoveryRequest(new URL(issuer), { algorithm, ...insecure });
    found.push(await oauth.processDiscoveryResponse(new URL(issuer), answer));
  }
  assert.deepEqual(found[0], found[1]);
  assert.equal(found[0].authorization_response_iss_parameter_supported, true);
  return found[0];
}

const as = await discover();

class Application {
  constructor({ id, secret }, method) {
    this.client = { client_id: id };
    this.auth = METHODS[method](secret ?? key);
  }

  /** Sends the browser of a user to the service by a pushed request, and returns what came back. */
  async authorize(user) {
    const verifier = oauth.generateRandomCodeVerifier();
    const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
    const parameters = {
      client_id: this.client.client_id,
      redirect_uri: callback,
      response_type: "code",
      scope: "openid email offline_access orders:read",
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      resource: api,
      max_age: "3600",
      state,
      nonce,
    };
    const { client, auth } = this;
    const answer = await oauth.pushedAuthorizationRequest(as, client, auth, parameters, insecure);
    const { request_uri } = await oauth.processPushedAuthorizationResponse(as, client, answer);
    const url = new URL(as.authorization_endpoint);
    url.search = new URLSearchParams({ client_id: client.client_id, request_uri }).toString();
    return { back: await decide(url, user), verifier, state, nonce };
  }

  async redeem({ back, verifier, state, nonce }) {
    const { client, auth } = this;
    // Compares `state` and `iss`.
    const checked = oauth.validateAuthResponse(as, client, back, state);
    const answer = await oauth.authorizationCodeGrantRequest(as, client, auth, checked, callback, verifier, insecure);
    const copy = answer.clone();
    const expected = { expectedNonce: nonce, maxAge: 3600, requireIdToken: true };
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, expected);
    await oauth.validateApplicationLevelSignature(as, answer, insecure);
    assert.equal(copy.headers.get("cache-control"), "no-store");
    assert.equal(copy.headers.get("content-type"), "application/json");
    return tokens;
  }

  async refresh(token) {
    const { client, auth } = this;
    const answer = await oauth.refreshTokenGrantRequest(as, client, auth, token, insecure);
    return oauth.processRefreshTokenResponse(as, client, answer);
  }

  async revoke(token) {
    const answer = await oauth.revocationRequest(as, this.client, this.auth, token, insecure);
    await oauth.processRevocationResponse(answer);
  }
}

/** A back end that the access tokens are for. */
function verify(token) {
  const call = new Request(`${api}/orders`, { headers: { authorization: `Bearer ${token}` } });
  return oauth.validateJwtAccessToken(as, call, api, insecure);
}

async function wholeLife(client, method, user) {
  const application = new Application(client, method);
  const asked = await application.authorize(user);
  const tokens = await application.redeem(asked);
  const { sub, acr } = oauth.getValidatedIdTokenClaims(tokens);
  assert.equal(acr, "aal2");
  const told = await oauth.userInfoRequest(as, application.client, tokens.access_token, insecure);
  assert.match((await oauth.processUserInfoResponse(as, application.client, sub, told)).email, /@/);
  const claims = await verify(tokens.access_token);
  assert.deepEqual(
    [claims.sub, claims.client_id, claims.scope],
    [sub, client.id, "openid email offline_access orders:read"],
  );
  await assert.rejects(verify(tokens.id_token), "an ID token is not for back ends");

  const renewed = await application.refresh(tokens.refresh_token);
  await application.revoke(renewed.refresh_token);
  await assert.rejects(application.refresh(renewed.refresh_token), { error: "invalid_grant", status: 400 });

  const again = await application.redeem(await application.authorize(user));
  const url = new URL(as.end_session_endpoint);
  url.search = new URLSearchParams({ id_token_hint: again.id_token, post_logout_redirect_uri: goodbye }).toString();
  assert.equal((await follow(url)).href, goodbye);
  await assert.rejects(application.refresh(again.refresh_token), { error: "invalid_grant" });
}

/** What the application itself has to notice, it can notice: the service says whose answer it is. */
async function tampering(user) {
  const shop = new Application(clients.public, "none");
  const change = (asked, name, value) => {
    const back = new URL(asked.back);
    back.searchParams.set(name, value);
    return { ...asked, back };
  };
  const asked = await shop.authorize(user);
  await assert.rejects(shop.redeem(change(asked, "iss", "https://evil.example")), { code: "OAUTH_INVALID_RESPONSE" });
  await assert.rejects(shop.redeem(change(asked, "state", "another")), { code: "OAUTH_INVALID_RESPONSE" });
  await assert.rejects(shop.redeem({ ...asked, nonce: "another" }), { code: "OAUTH_JWT_CLAIM_COMPARISON_FAILED" });
  // The last one has redeemed the code.
  await assert.rejects(shop.redeem(asked), { error: "invalid_grant" });
}

async function misuse(user) {
  const [shop, forum] = [new Application(clients.public, "none"), new Application(clients.other, "none")];
  const stolen = await shop.authorize(user);
  await assert.rejects(forum.redeem(stolen), { error: "invalid_grant", status: 400 });
  await assert.rejects(shop.redeem(stolen), { error: "invalid_grant" }, "the code is spent");

  const guessed = await shop.authorize(user);
  const verifier = oauth.generateRandomCodeVerifier();
  await assert.rejects(shop.redeem({ ...guessed, verifier }), { error: "invalid_grant" });
  await assert.rejects(shop.redeem(guessed), { error: "invalid_grant" }, "the code is spent");

  const tokens = await shop.redeem(await shop.authorize(user));
  await forum.revoke(tokens.refresh_token);
  const second = await shop.refresh(tokens.refresh_token);
  const repeated = await shop.refresh(tokens.refresh_token);
  assert.equal(repeated.refresh_token, second.refresh_token, "the answer may have been lost");
  const third = await shop.refresh(second.refresh_token);
  // A token that was used before: an attacker may have it, and so the grant ends.
  await assert.rejects(shop.refresh(tokens.refresh_token), { error: "invalid_grant" });
  await assert.rejects(shop.refresh(third.refresh_token), { error: "invalid_grant" });
}

async function actForItself() {
  const { client, auth } = new Application(clients.service, "client_secret_basic");
  const answer = await oauth.clientCredentialsGrantRequest(as, client, auth, { scope: "orders:read" }, insecure);
  const tokens = await oauth.processClientCredentialsResponse(as, client, answer);
  const claims = await verify(tokens.access_token);
  assert.deepEqual([claims.sub, claims.sid, claims.scope], [client.client_id, undefined, "orders:read"]);
}

await wholeLife(clients.public, "none", users.pop());
await wholeLife(clients.confidential, "client_secret_basic", users.pop());
await wholeLife(clients.confidential, "client_secret_post", users.pop());
await wholeLife(clients.signing, "private_key_jwt", users.pop());
await tampering(users.pop());
await misuse(users.pop());
await actForItself();
