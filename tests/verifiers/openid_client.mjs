// Applications and a service on openid-client, which is certified by the OpenID Foundation.
//
//     node openid_client.mjs SCENE
//
// SCENE: JSON with the issuer, the clients, and access tokens of users. Exits with 0 after every step went as expected.

import assert from "node:assert/strict";
import * as oidc from "openid-client";
import { connect, decide, follow, posted, privateKey } from "./user.mjs";

const { issuer, api, callback, goodbye, clients, users } = JSON.parse(process.argv[2]);

const METHODS = {
  none: () => oidc.None(),
  client_secret_basic: oidc.ClientSecretBasic,
  client_secret_post: oidc.ClientSecretPost,
  private_key_jwt: oidc.PrivateKeyJwt,
};

async function discover({ id, secret, key }, method) {
  const credential = key ? await privateKey(key) : secret;
  // The second one verifies the signature of ID tokens, which the library else takes from the connection.
  const execute = [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks];
  return oidc.discovery(new URL(issuer), id, undefined, METHODS[method](credential), { execute });
}

/** Sends the browser of a user to the service and back, and returns what the grant of the code needs. */
async function authorize(config, user, { pushed, byForm, decision, ...parameters } = {}) {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier, expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce() };
  const request = {
    redirect_uri: callback,
    scope: "openid email offline_access orders:read",
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    ...parameters,
  };
  const build = pushed ? oidc.buildAuthorizationUrlWithPAR : oidc.buildAuthorizationUrl;
  const url = await build(config, request);
  if (pushed) assert.deepEqual([...url.searchParams.keys()].sort(), ["client_id", "request_uri"]);
  return { back: await decide(url, user, decision, byForm), checks };
}

async function signIn(config, user, options) {
  const { back, checks } = await authorize(config, user, options);
  return oidc.authorizationCodeGrant(config, back, checks);
}

/** An OAuth error of the token endpoint. */
const refused = (error, status = 400) => (thrown) => {
  assert.equal(thrown.error ?? thrown.cause?.error, error, thrown);
  assert.equal(thrown.status, status);
  return true;
};

async function wholeLife(client, method, user, pushed) {
  const config = await discover(client, method);
  const tokens = await signIn(config, user, { pushed });
  const claims = tokens.claims();
  assert.equal(claims.aud, client.id);
  assert.equal(claims.acr, "aal2");
  assert.equal(tokens.token_type, "bearer");
  assert.equal(tokens.scope, "openid email offline_access orders:read");
  const told = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.equal(told.email, claims.email);

  const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  assert.equal(renewed.claims().sub, claims.sub);
  assert.equal(renewed.claims().nonce, undefined);
  const narrow = await oidc.refreshTokenGrant(config, renewed.refresh_token, { scope: "orders:read" });
  assert.equal(narrow.scope, "orders:read");
  await oidc.tokenRevocation(config, narrow.refresh_token);
  await assert.rejects(oidc.refreshTokenGrant(config, narrow.refresh_token), refused("invalid_grant"));

  // The user is still signed in at the service, so they are not asked again.
  const silent = await signIn(config, user, { prompt: "none", decision: null });
  const url = oidc.buildEndSessionUrl(config, {
    id_token_hint: silent.id_token,
    post_logout_redirect_uri: goodbye,
    state: "see you",
  });
  assert.equal((await follow(url)).href, `${goodbye}?state=see+you`);
  await assert.rejects(oidc.refreshTokenGrant(config, silent.refresh_token), refused("invalid_grant"));
  await assert.rejects(oidc.fetchUserInfo(config, silent.access_token, claims.sub));
}

async function misuse(user) {
  const [shop, forum] = [await discover(clients.public, "none"), await discover(clients.other, "none")];
  const { back, checks } = await authorize(shop, user);
  const tokens = await oidc.authorizationCodeGrant(shop, back, checks);
  await assert.rejects(oidc.authorizationCodeGrant(shop, back, checks), refused("invalid_grant"), "a code twice");
  await assert.rejects(
    oidc.refreshTokenGrant(shop, tokens.refresh_token),
    refused("invalid_grant"),
    "what the code was exchanged for, after it was presented again",
  );

  const guessed = await authorize(shop, user);
  const wrong = { ...guessed.checks, pkceCodeVerifier: oidc.randomPKCECodeVerifier() };
  await assert.rejects(oidc.authorizationCodeGrant(shop, guessed.back, wrong), refused("invalid_grant"), "a guess");
  await assert.rejects(
    oidc.authorizationCodeGrant(shop, guessed.back, guessed.checks),
    refused("invalid_grant"),
    "the right verifier after a wrong one",
  );

  const stolen = await authorize(shop, user);
  await assert.rejects(oidc.authorizationCodeGrant(forum, stolen.back, stolen.checks), refused("invalid_grant"));
  const kept = await signIn(shop, user);
  await assert.rejects(oidc.refreshTokenGrant(forum, kept.refresh_token), refused("invalid_grant"));

  const { id } = clients.confidential;
  const stranger = await discover({ id, secret: "vcs_guessed" }, "client_secret_basic");
  const asked = await authorize(stranger, user);
  await assert.rejects(oidc.authorizationCodeGrant(stranger, asked.back, asked.checks), (thrown) => {
    const { cause, status } = thrown;
    return status === 401 && (cause[0]?.scheme === "basic" || cause.error === "invalid_client");
  });

  const denied = await authorize(shop, user, { decision: "deny" });
  await assert.rejects(oidc.authorizationCodeGrant(shop, denied.back, denied.checks), { error: "access_denied" });
}

/** The request and the answer are forms. */
async function byForms(user) {
  const config = await discover(clients.confidential, "client_secret_basic");
  const options = { byForm: true, response_mode: "form_post", state: `"'><&amp;${oidc.randomState()}` };
  const { back, checks } = await authorize(config, user, options);
  checks.expectedState = options.state;
  const tokens = await oidc.authorizationCodeGrant(config, await posted(back), checks);
  assert.equal(tokens.claims().aud, clients.confidential.id);

  // Only the user of the ID token gets in.
  const hint = { ...options, prompt: "none", decision: null, id_token_hint: tokens.id_token };
  const same = await authorize(config, user, hint);
  same.checks.expectedState = options.state;
  const again = await oidc.authorizationCodeGrant(config, await posted(same.back), same.checks);
  assert.equal(again.claims().sub, tokens.claims().sub);
  for (const [who, error, more] of [
    [users.pop(), "login_required", hint],
    [user, "access_denied", { ...options, decision: "deny" }],
  ]) {
    const refused = await authorize(config, who, more);
    refused.checks.expectedState = options.state;
    const answer = await posted(refused.back);
    await assert.rejects(oidc.authorizationCodeGrant(config, answer, refused.checks), { error });
  }
}

/** A device without a browser shows a code, which the user types on another one. */
async function onADevice(user) {
  const config = await discover(clients.public, "none");
  const shown = await oidc.initiateDeviceAuthorization(config, { scope: "openid offline_access" });
  await connect(shown.verification_uri, shown.user_code, user);
  const tokens = await oidc.pollDeviceAuthorizationGrant(config, shown);
  assert.equal(tokens.claims().aud, clients.public.id);
  assert.equal((await oidc.refreshTokenGrant(config, tokens.refresh_token)).scope, "openid offline_access");
}

async function actForItself() {
  for (const method of ["client_secret_basic", "client_secret_post"]) {
    const config = await discover(clients.service, method);
    const tokens = await oidc.clientCredentialsGrant(config, { scope: "orders:read", resource: api });
    assert.equal(tokens.scope, "orders:read");
    assert.deepEqual([tokens.refresh_token, tokens.id_token], [undefined, undefined]);
    const grant = (parameters) => oidc.clientCredentialsGrant(config, parameters);
    await assert.rejects(grant({ scope: "openid" }), refused("invalid_scope"));
    await assert.rejects(grant({ resource: "https://other.example" }), refused("invalid_target"));
  }
  const config = await discover(clients.public, "none");
  await assert.rejects(oidc.clientCredentialsGrant(config), refused("unauthorized_client"));
}

const kinds = [
  [clients.public, "none", false],
  [clients.public, "none", true],
  [clients.confidential, "client_secret_basic", false],
  [clients.confidential, "client_secret_post", true],
  [clients.signing, "private_key_jwt", true],
];
for (const [client, method, pushed] of kinds) await wholeLife(client, method, users.pop(), pushed);
await misuse(users.pop());
await byForms(users.pop());
await onADevice(users.pop());
await actForItself();
