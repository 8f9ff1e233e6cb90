// An OpenID provider, which is the certified one of the package oidc-provider, with its own pages for signing in.
//
//   node oidc_provider.mjs SETTINGS
//
// SETTINGS is a JSON object:
//
//   redirect_uris          where it sends browsers back to; required
//   client_id              of its one client; "vestibule" by default
//   client_secret          of that client; without one the client is public
//   accounts               its users: objects with id, and optionally email, email_verified, acr and amr
//   token_endpoint_auth    how the client shows its secret; "client_secret_basic" by default
//   algorithm              what ID tokens are signed with; "RS256" by default, or "ES256", "PS256", "EdDSA"
//   claims_in_id_token     true: the ID token has the address; otherwise only userinfo has it (OpenID Connect Core §5.4)
//   port                   where it listens; a free port by default
//
// Prints its port; its issuer is http://127.0.0.1:PORT. The login page takes the id of an account as the user name, and
// any password. A page that asks for consent follows it. It ends when its standard input does.

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const HOST = "127.0.0.1";

// The first line is the port, so the library's notices go to the other stream.
console.info = console.warn = console.error;

const settings = JSON.parse(process.argv[2]);
const { algorithm = "RS256", client_id = "vestibule", client_secret, accounts = [] } = settings;

function signingKey() {
  const kinds = {
    RS256: ["rsa", { modulusLength: 2048 }],
    PS256: ["rsa", { modulusLength: 2048 }],
    ES256: ["ec", { namedCurve: "P-256" }],
    EdDSA: ["ed25519", {}],
  };
  const { privateKey } = generateKeyPairSync(...kinds[algorithm]);
  return { ...privateKey.export({ format: "jwk" }), alg: algorithm, use: "sig", kid: randomBytes(8).toString("hex") };
}

function findAccount(_context, id) {
  const { id: sub, ...claims } = accounts.find((account) => account.id === id) ?? {};
  return sub && { accountId: sub, claims: async () => ({ sub, ...claims }) };
}

function configuration() {
  return {
    clients: [
      {
        client_id,
        ...(client_secret && { client_secret }),
        token_endpoint_auth_method: client_secret ? (settings.token_endpoint_auth ?? "client_secret_basic") : "none",
        redirect_uris: settings.redirect_uris,
        grant_types: ["authorization_code"],
        response_types: ["code"],
        id_token_signed_response_alg: algorithm,
      },
    ],
    claims: { openid: ["sub", "acr", "amr"], email: ["email", "email_verified"] },
    conformIdTokenClaims: !settings.claims_in_id_token,
    cookies: { keys: [randomBytes(32).toString("hex")] },
    enabledJWA: { idTokenSigningAlgValues: ["RS256", "PS256", "ES256", "EdDSA"] },
    features: { devInteractions: { enabled: true } },
    findAccount,
    jwks: { keys: [signingKey()] },
    pkce: { required: () => true },
  };
}

/** The library's own pages do not say how a user signed in; the list of accounts does. */
function tellHow(provider) {
  const finished = provider.interactionFinished.bind(provider);
  provider.interactionFinished = (request, response, result, options) => {
    const { acr, amr } = accounts.find(({ id }) => id === result.login?.accountId) ?? {};
    const login = result.login && { login: { ...result.login, acr, amr } };
    return finished(request, response, { ...result, ...login }, options);
  };
  return provider;
}

const server = createServer();
server.listen(settings.port ?? 0, HOST, () => {
  const { port } = server.address();
  server.on("request", tellHow(new Provider(`http://${HOST}:${port}`, configuration())).callback());
  process.stdout.write(`${port}\n`);
});
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
