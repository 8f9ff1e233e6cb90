// A client of the Model Context Protocol on its official library, which knows nothing but the URL of an MCP server.
//
//     node mcp_client.mjs SCENE
//
// SCENE: JSON with the URL of the server, the redirect URI, the access token of a user, and either the URL of the
// client's document or its registered client_id. Prints the claims of its first access token. Exits with 0 after every
// step went as expected.

import assert from "node:assert/strict";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { decodeJwt } from "jose";
import { decide } from "./user.mjs";

const { server, callback, user, document, clientId } = JSON.parse(process.argv[2]);

/** What the library asks the application to store, and where it sends the user. */
class Application {
  redirectUrl = callback;
  clientMetadata = { client_name: "Notes", redirect_uris: [callback] };
  clientMetadataUrl = document;
  stored = clientId === undefined ? undefined : { client_id: clientId };
  visited = [];

  state = () => "s 1";
  clientInformation = () => this.stored;
  saveClientInformation = (information) => (this.stored = information);
  tokens = () => this.kept;
  saveTokens = (tokens) => (this.kept = tokens);
  codeVerifier = () => this.verifier;
  saveCodeVerifier = (verifier) => (this.verifier = verifier);
  invalidateCredentials = () => (this.kept = undefined);
  redirectToAuthorization = (url) => void this.visited.push(url);
}

const application = new Application();

function transport() {
  return new StreamableHTTPClientTransport(new URL(server), { authProvider: application });
}

async function ask() {
  const client = new Client({ name: "notes", version: "1.0.0" });
  await client.connect(transport());
  const { content } = await client.callTool({ name: "whoami", arguments: {} });
  await client.close();
  return content[0].text;
}

/** Has the user decide about the last request, and returns what the application gets. */
async function answer(decision) {
  const back = await decide(application.visited.at(-1), user, decision);
  assert.equal(back.origin + back.pathname, callback);
  assert.equal(back.searchParams.get("state"), "s 1");
  return back.searchParams;
}

const refused = (error) => error instanceof UnauthorizedError;

// Nothing is stored: the library finds the issuer by the server, and asks the user.
await assert.rejects(ask(), refused);
const asked = application.visited[0].searchParams;
assert.equal(asked.get("resource"), server);
assert.equal(asked.get("code_challenge_method"), "S256");
assert.equal(asked.get("client_id"), document ?? clientId);
assert.equal((await answer("deny")).get("error"), "access_denied");

await assert.rejects(ask(), refused);
await transport().finishAuth((await answer("approve")).get("code"));
const claims = decodeJwt(application.kept.access_token);
assert.equal(claims.aud, server);
assert.equal(claims.client_id, document ?? clientId);
assert.equal(claims.scope, "notes:read offline_access");
assert.equal(await ask(), claims.sub);

// A token that the server refuses is renewed without the user.
const { refresh_token, access_token } = application.kept;
application.kept = { ...application.kept, access_token: `${access_token}x` };
const visits = application.visited.length;
assert.equal(await ask(), claims.sub);
assert.equal(application.visited.length, visits);
assert.notEqual(application.kept.refresh_token, refresh_token);
assert.equal(decodeJwt(application.kept.access_token).aud, server);

// One that cannot be renewed leads to the user again.
application.kept = { ...application.kept, access_token: "x", refresh_token: `${refresh_token.slice(0, -4)}AAAA` };
await assert.rejects(ask(), refused);
assert.equal(application.visited.length, visits + 1);
console.log(JSON.stringify(claims));
