// A page on oidc-client-ts, outside of a browser: its client is given the stores that a browser has.
//
//     node oidc_client_ts.mjs SCENE
//
// SCENE: JSON with the issuer, the clients, and access tokens of users. Exits with 0 after every step went as expected.

import assert from "node:assert/strict";
import { InMemoryWebStorage, OidcClient, WebStorageStateStore } from "oidc-client-ts";
import { decide, follow } from "./user.mjs";

const { issuer, callback, goodbye, clients, users } = JSON.parse(process.argv[2]);

function application({ id, secret }, method) {
  return new OidcClient({
    authority: issuer,
    client_id: id,
    client_secret: secret,
    client_authentication: method,
    redirect_uri: callback,
    post_logout_redirect_uri: goodbye,
    scope: "openid email offline_access orders:read",
    loadUserInfo: true,
    stateStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
  });
}

async function authorize(client, user) {
  const { url } = await client.createSigninRequest({ nonce: crypto.randomUUID(), state: { page: "/cart" } });
  return (await decide(url, user)).href;
}

const refused = (error) => (thrown) => {
  assert.equal(thrown.error, error, thrown);
  return true;
};

async function wholeLife(credentials, method, user) {
  const client = application(credentials, method);
  const session = await client.processSigninResponse(await authorize(client, user));
  assert.deepEqual(session.userState, { page: "/cart" });
  assert.match(session.profile.email, /@mail\.example$/);
  const renew = (held) => client.useRefreshToken({ state: { ...held, data: held.userState } });
  const renewed = await renew(session);
  assert.equal(renewed.profile.sub, session.profile.sub);
  await client.revokeToken(renewed.refresh_token, "refresh_token");
  await assert.rejects(renew(renewed), refused("invalid_grant"));

  const again = await client.processSigninResponse(await authorize(client, user));
  const { url } = await client.createSignoutRequest({ id_token_hint: again.id_token, state: "see you" });
  const back = await follow(url);
  assert.equal(back.origin + back.pathname, goodbye);
  assert.equal((await client.processSignoutResponse(back.href)).userState, "see you");
  await assert.rejects(renew(again), refused("invalid_grant"));
}

async function misuse(user) {
  const shop = application(clients.public);
  const back = await authorize(shop, user);
  // The state is kept, so that the library sends the code a second time.
  await shop.processSigninResponse(back, undefined, false);
  await assert.rejects(shop.processSigninResponse(back, undefined, false), refused("invalid_grant"));
}

await wholeLife(clients.public, undefined, users.pop());
await wholeLife(clients.confidential, "client_secret_basic", users.pop());
await wholeLife(clients.confidential, "client_secret_post", users.pop());
await misuse(users.pop());
