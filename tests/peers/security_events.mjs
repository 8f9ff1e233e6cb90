// A receiver of Security Event Tokens that are pushed to it (RFC 8935).
//
//     node security_events.mjs ISSUER AUDIENCE_PATH
//
// Prints its port, then one JSON line for each request: the claims, or the reason for the refusal. Answers 202 to a
// good token, and otherwise 400 with the error of RFC 8935, section 2.4. Ends when its standard input does. Needs jose.

import { createServer } from "node:http";
import { createRemoteJWKSet, jwtVerify } from "jose";

const [issuer, path] = process.argv.slice(2);
const seen = new Set();
const say = (thing) => console.log(JSON.stringify(thing));

async function read(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function verify(token, audience) {
  const metadata = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
  const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(metadata.jwks_uri)), {
    algorithms: metadata.id_token_signing_alg_values_supported,
    issuer: metadata.issuer,
    audience,
    typ: "secevent+jwt",
    requiredClaims: ["iat", "jti", "events", "sub_id"],
  });
  // RFC 8417, section 2.2: there is at least one event, and section 4.1: an event does not expire.
  if (Object.keys(payload.events).length === 0 || payload.exp !== undefined) throw new Error("not an event");
  return payload;
}

const server = createServer(async (request, response) => {
  const token = await read(request);
  const audience = `http://127.0.0.1:${server.address().port}${path}`;
  try {
    if (request.headers["content-type"] !== "application/secevent+jwt") throw new Error("another content type");
    const claims = await verify(token, audience);
    say({ token, claims, again: seen.has(claims.jti), accept: request.headers.accept });
    seen.add(claims.jti);
    response.writeHead(202).end();
  } catch (error) {
    say({ refused: error.message });
    response.writeHead(400, { "content-type": "application/json", "content-language": "en" });
    response.end(JSON.stringify({ err: "invalid_request", description: error.message }));
  }
});
server.listen(0, "127.0.0.1", () => say(server.address().port));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
