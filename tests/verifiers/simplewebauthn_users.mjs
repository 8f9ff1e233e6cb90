// Users with passkeys, as a program on @simplewebauthn/server stores them: from registrations that it has verified.
//
// PASSKEYS names a file with a list of users, each with what a browser sent, and with what the program expects.

import { readFile } from "node:fs/promises";

import { verifyRegistrationResponse } from "@simplewebauthn/server";

async function stored({ response, challenge, origin, rp_id, user_handle }) {
  const { registrationInfo } = await verifyRegistrationResponse({
    response,
    expectedChallenge: challenge,
    expectedOrigin: origin,
    expectedRPID: rp_id,
  });
  const { credential, credentialDeviceType, credentialBackedUp } = registrationInfo;
  return {
    ...credential,
    webauthnUserID: user_handle,
    deviceType: credentialDeviceType,
    backedUp: credentialBackedUp,
  };
}

const given = JSON.parse(await readFile(process.env.PASSKEYS, "utf8"));
export const users = await Promise.all(
  given.map(async ({ registrations, ...user }) => ({
    ...user,
    passkeys: await Promise.all(registrations.map(stored)),
  })),
);
