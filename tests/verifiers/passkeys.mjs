// Verifies passkeys as a relying party on @simplewebauthn/server.
//
//     node passkeys.mjs FILE
//
// The file has a list of registrations and assertions in the order in which they were made. Prints a list with null for
// each that is accepted, or else the reason for the refusal. Each assertion names its registration by the place in the
// list: its key is what this library read from it.

import { readFile } from "node:fs/promises";

import { verifyAuthenticationResponse, verifyRegistrationResponse } from "@simplewebauthn/server";

const given = JSON.parse(await readFile(process.argv[2], "utf8"));
const known = new Map();

async function verify(ceremony, place) {
  const expected = {
    response: ceremony.credential,
    expectedChallenge: ceremony.challenge,
    expectedOrigin: ceremony.origin,
    expectedRPID: ceremony.rp_id,
    requireUserVerification: ceremony.must_be_verified,
  };
  if (ceremony.registration === undefined) {
    const { verified, registrationInfo } = await verifyRegistrationResponse(expected);
    if (verified) known.set(place, registrationInfo.credential);
    return verified;
  }
  const credential = known.get(ceremony.registration);
  const { verified, authenticationInfo } = await verifyAuthenticationResponse({ ...expected, credential });
  if (verified) credential.counter = authenticationInfo.newCounter;
  return verified;
}

const reasons = [];
for (const [place, ceremony] of given.entries()) {
  try {
    reasons.push((await verify(ceremony, place)) ? null : "wrong signature");
  } catch (error) {
    reasons.push(error.message);
  }
}
console.log(JSON.stringify(reasons));
