// Plays the browser of a user who signs in to an application, and out of everything.
//
//     node visit_application.mjs APPLICATION USER [PATH PROCESS]
//
// USER: their access token at the service. PATH: a page for which the application calls a back end as the user, which
// tells their address. PROCESS: the application's, which moves its clock at a signal. Exits with 0 after every step
// went as expected.

import assert from "node:assert/strict";
import { decide, follow } from "./user.mjs";

const [application, user, page, pid] = process.argv.slice(2);
const cookies = new Map();

async function visit(url, method = "GET") {
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  const answer = await fetch(new URL(url, application), { method, headers: { cookie }, redirect: "manual" });
  for (const line of answer.headers.getSetCookie()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
    cookies.set(name, value);
  }
  return answer;
}

const text = async (url) => (await visit(url)).text();
const location = (answer) => answer.headers.get("location");

/** Follows the link to sign in, and returns the URL that the service sends the browser back with. */
async function signIn(decision) {
  return decide(location(await visit("/login")), user, decision);
}

assert.equal(await text("/"), "Signed out");
for (const [name, value] of [
  ["iss", "https://evil.example"],
  ["state", "another"],
]) {
  const forged = await signIn();
  forged.searchParams.set(name, value);
  const answer = await visit(forged);
  assert.ok(answer.status >= 400, `${name} was not compared`);
  assert.equal(await text("/"), "Signed out");
}

const refused = await visit(await signIn("deny"));
assert.equal(refused.status, 403);
assert.match(await refused.text(), /^You refused\./);
assert.equal(await text("/"), "Signed out");

const back = await signIn();
assert.equal(location(await visit(back)), "/");
assert.match(await text("/"), /^Signed in as .*@mail\.example$/);
assert.ok((await visit(back)).status >= 400, "the link back counts once");
if (page !== undefined) {
  assert.match(await text(page), /@mail\.example/);
  // A minute later the access token has expired, so the application has to get the next one.
  process.kill(Number(pid), "SIGUSR2");
  const { origin } = new URL(location(await visit("/login")));
  const moved = { method: "POST", headers: { "content-type": "application/json" }, body: '{"advance": 61}' };
  assert.ok((await fetch(`${origin}/dev/clock`, moved)).ok);
  assert.match(await text(page), /@mail\.example/);
}

const after = await follow(location(await visit("/logout", "POST")));
assert.equal(after.origin + after.pathname, `${application}/`);
assert.equal(await text("/"), "Signed out");
await assert.rejects(signIn(), /401/, "the user is signed out of the service, too");
