// A second OpenID provider that others wrote, the package oauth2-mock-server. It signs each user in as johndoe.
//
//   node oauth2_mock_server.mjs
//
// Prints its port; its issuer is http://localhost:PORT. userinfo has the address of the user. It ends when its standard
// input does.

import { OAuth2Server } from "oauth2-mock-server";

const server = new OAuth2Server();
await server.issuer.keys.generate("RS256");
server.service.on("beforeUserinfo", ({ body }) => {
  Object.assign(body, { email: "johndoe@example.com", email_verified: true });
});
await server.start(0, "localhost");
process.stdout.write(`${server.address().port}\n`);
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
