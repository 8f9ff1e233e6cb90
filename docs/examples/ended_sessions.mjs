// Middleware for Express and Connect: verifies access tokens without asking, and refuses those of ended sessions.
import { setTimeout as sleep } from "node:timers/promises";
import { createLocalJWKSet, jwtVerify } from "jose";

/** Returns the text of an answer 200, if all of it comes in a second and it is not too long. Follows no redirect. */
async function get(url) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(1000), redirect: "error" });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  let text = "";
  for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
    if ((text += part).length > 1_000_000) throw new Error("too long");
  }
  return text;
}

/** `staleAfter`: after so many seconds without the list of ended sessions it answers 503. `Infinity`: it goes on. */
export function signedIn({ issuer, audience = issuer, algorithms = ["ES256"], staleAfter = 15 }) {
  const verify = (token, more) => jwtVerify(token, keys, { algorithms, issuer, clockTolerance: 5, ...more });
  const ended = new Map(); // sid: until when its tokens may seem valid
  let [keys, keysAt, cursor, readAt] = [undefined, -Infinity, "", -Infinity];

  async function read() {
    if (performance.now() - keysAt > 300_000) {
      keys = createLocalJWKSet(JSON.parse(await get(`${issuer}/.well-known/jwks.json`)));
      keysAt = performance.now();
    }
    for (let more = true; more; ) {
      const text = await get(`${issuer}/token/ended?after=${cursor}`);
      const { payload: list } = await verify(text, { typ: "ended+jwt", maxTokenAge: 10 });
      if (list.after !== cursor) throw new Error("a cache answers with the list after another cursor");
      for (const sid of list.ended) ended.set(sid, list.exp);
      ({ cursor, more } = list);
    }
    readAt = performance.now();
    for (const [sid, until] of ended) if (until < Date.now() / 1000) ended.delete(sid);
  }
  (async () => {
    for (;;) {
      await read().catch((error) => {
        keysAt = -Infinity; // The list may be signed by a new key.
        console.error("the list of ended sessions:", error.message);
      });
      await sleep(1000, undefined, { ref: false });
    }
  })();

  return async (request, response, next) => {
    const refuse = (status, headers) => response.writeHead(status, headers).end();
    const [scheme, token = ""] = (request.headers.authorization ?? "").split(" ");
    if (scheme.toLowerCase() !== "bearer") return refuse(401, { "WWW-Authenticate": "Bearer" });
    if (!keys || performance.now() - readAt > staleAfter * 1000) return refuse(503, { "Retry-After": "1" });
    const requiredClaims = ["exp", "nbf", "iat", "sub"];
    const { payload: claims } = await verify(token, { audience, typ: "at+jwt", requiredClaims }).catch(() => ({}));
    // `cnf`: bound to a key (DPoP); this back end takes bearer tokens only.
    if (!claims || claims.cnf !== undefined || ended.has(claims.sid)) {
      return refuse(401, { "WWW-Authenticate": 'Bearer error="invalid_token"' });
    }
    request.caller = claims;
    next();
  };
}
