// Makes users as JavaScript programs store them, one JSON object a line, like `foreign_hashes.py` for Python programs.
//
//     node foreign_hashes.mjs

import { hashPassword } from "@better-auth/utils/password";
import aspnet from "aspnetcore-identity-password-hasher/build/PasswordHasher.js";

const PASSWORD = "Grüne Fenster im Regen";
const { IdentityV2, IdentityV3 } = aspnet.PasswordHasherCompatibilityMode;
const KINDS = {
  "better-auth": hashPassword,
  "aspnet-v2": (password) => new aspnet.PasswordHasher(1000, IdentityV2).hashPassword(password),
  "aspnet-v3": (password) => new aspnet.PasswordHasher(10_000, IdentityV3).hashPassword(password),
};

function show(kind, password, wrong, hash, username) {
  console.log(JSON.stringify({ kind, password, wrong, user: { username, password_hash: hash } }));
}

for (const [kind, make] of Object.entries(KINDS)) {
  const wrong = [`${PASSWORD}.`, PASSWORD.toLowerCase(), PASSWORD.replace("ü", "u"), "x"];
  show(kind, PASSWORD, wrong, await make(PASSWORD), `js.${kind}`);
}
// better-auth hashes the compatibility form, in which a ligature becomes its letters.
show("better-auth-nfkc", "eﬃcient window", ["eficient window"], await hashPassword("efficient window"), "js.nfkc");
