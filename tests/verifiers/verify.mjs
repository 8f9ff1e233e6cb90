// Verifies an access token with only the issuer's URL.
//
//     node verify.mjs ISSUER TOKEN [AUDIENCE]
//
// Prints the claims and exits with 0, or prints the reason for the refusal and exits with 1. By default the audience is
// the issuer. Needs jose.

import { createRemoteJWKSet, jwtVerify } from "jose";

async function verify(issuer, token, audience) {
  const answer = await fetch(`${issuer}/.well-known/openid-configuration`);
  if (!answer.ok) throw new Error(`the metadata is not available: ${answer.status}`);
  const metadata = await answer.json();
  if (metadata.issuer !== issuer) throw new Error("the metadata is another issuer's");

  const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
  const { payload } = await jwtVerify(token, keys, {
    // Never the token's own "alg": that is the attacker's choice.
    algorithms: metadata.id_token_signing_alg_values_supported,
    issuer,
    audience,
    // A refresh token or an ID token must not pass for an access token (RFC 9068, section 4).
    typ: "at+jwt",
    requiredClaims: ["exp", "iat", "sub"],
  });
  // A token that is bound to a key (RFC 9449) must not pass for a bearer token.
  if (payload.cnf !== undefined) throw new Error("it is bound to a key");
  return payload;
}

const [issuer, token, audience = issuer] = process.argv.slice(2);
try {
  console.log(JSON.stringify(await verify(issuer, token, audience), null, 2));
} catch (error) {
  console.error(`refused: ${error.message}`);
  process.exitCode = 1;
}
