// Plays the browser of a user who visits a site behind Apache's mod_auth_openidc, and signs out of everything.
//
//     node visit_gateway.mjs SITE USER
//
// USER: their access token at the service. The site answers with the request as it got it. Exits with 0 after every step
// went as expected.

import assert from "node:assert/strict";
import { request as send } from "node:http";
import { text as read } from "node:stream/consumers";
import { decide, follow } from "./user.mjs";

const [site, user] = process.argv.slice(2);
const cookies = new Map();

/** Opens a page as a browser does. The module answers the requests of scripts, such as those of `fetch`, with 401. */
async function visit(url, headers = {}) {
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  const all = { accept: "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document", cookie, ...headers };
  const answer = await new Promise((done, failed) => {
    send(new URL(url, site), { headers: all }, done).on("error", failed).end();
  });
  for (const line of answer.headers["set-cookie"] ?? []) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
    cookies.set(name, value);
  }
  return { status: answer.statusCode, location: answer.headers.location, text: await read(answer) };
}

const claim = (request, name) => new RegExp(`^OIDC_CLAIM_${name}: (.*)$`, "m").exec(request)?.[1];

// Apache sends the browser to the service, with a challenge, and takes no answer with another state.
const asked = new URL((await visit("/orders")).location);
assert.equal(asked.searchParams.get("code_challenge_method"), "S256");
const forged = await decide(asked, user);
forged.searchParams.set("state", "another");
await visit(forged);
assert.equal((await visit("/orders")).status, 302);

const back = await decide((await visit("/orders")).location, user);
assert.equal((await visit(back)).location, `${site}/orders`);
const lies = { OIDC_CLAIM_email: "admin@mail.example", OIDC_CLAIM_roles: "admin" };
const { text: request } = await visit("/orders", lies);
assert.match(request, /^GET \/orders /);
const me = await (await fetch(`${asked.origin}/me`, { headers: { authorization: `Bearer ${user}` } })).json();
assert.equal(claim(request, "sub"), me.id);
assert.equal(claim(request, "email"), me.email);
assert.equal(claim(request, "acr"), "aal2");
assert.equal(claim(request, "roles"), undefined, "what the browser says never gets through");
assert.ok(!request.includes("admin"));

const leaving = (await visit(`/callback?logout=${encodeURIComponent(`${site}/`)}`)).location;
const after = await follow(leaving);
assert.equal(after.origin + after.pathname, `${site}/`);
assert.equal((await visit("/orders")).status, 302);
await assert.rejects(decide((await visit("/orders")).location, user), /401/, "the user is signed out of the service, too");
