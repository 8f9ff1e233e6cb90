// Middleware for Express and Connect: verifies access tokens without asking, and refuses those of ended sessions.
import { setTimeout as sleep } from "node:timers/promises";
import { createRemoteJWKSet, jwtVerify } from "jose";

/** `staleAfter`: after so many seconds without the list of ended sessions it answers 503. `Infinity`: it goes on. */
export function signedIn({ issuer, audience = issuer, algorithms = ["ES256"], staleAfter = 15 }) {
  const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`), { cacheMaxAge: 300_000 });
  const verify = (token, more) => jwtVerify(token, keys, { algorithms, issuer, clockTolerance: 5, ...more });
  const ended = new Map(); // sid: until when its tokens may seem valid
  let cursor = "";
  let readAt = -Infinity;

  async function read() {
    for (let more = true; more; ) {
      const limits = { signal: AbortSignal.timeout(1000), redirect: "error" };
      const answer = await fetch(`${issuer}/token/ended?after=${cursor}`, limits);
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      let text = "";
      for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
        if ((text += part).length > 1_000_000) throw new Error("too long");
      }
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
      await read().catch((error) => console.error("the list of ended sessions:", error.message));
      await sleep(1000, undefined, { ref: false });
    }
  })();

  return async (request, response, next) => {
    const refuse = (status, headers) => response.writeHead(status, headers).end();
    const [scheme, token = ""] = (request.headers.authorization ?? "").split(" ");
    if (scheme.toLowerCase() !== "bearer") return refuse(401, { "WWW-Authenticate": "Bearer" });
    if (performance.now() - readAt > staleAfter * 1000) return refuse(503, { "Retry-After": "1" });
    const requiredClaims = ["exp", "nbf", "iat", "sub"];
    const checked = await verify(token, { audience, typ: "at+jwt", requiredClaims }).catch((error) => ({ error }));
    // Everything that is not a fault of the token: the keys could not be fetched. A token without `kid` fits many keys.
    const isOfToken = /^ERR_(JW[ST]_|JOSE_(ALG|NOT)_|JWKS_(NO|MULTIPLE)_)/.test(checked.error?.code);
    if (checked.error && !isOfToken) return refuse(503, { "Retry-After": "5" });
    const claims = checked.payload;
    // `cnf`: bound to a key (DPoP); this back end takes bearer tokens only.
    if (!claims || claims.cnf !== undefined || ended.has(claims.sid)) {
      return refuse(401, { "WWW-Authenticate": 'Bearer error="invalid_token"' });
    }
    request.caller = claims;
    next();
  };
}
