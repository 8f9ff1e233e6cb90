// Solves a challenge for work with altcha-lib, and prints what a client sends.
//
//     node work.mjs CHALLENGE

import { solveChallenge } from "altcha-lib";
import { deriveKey } from "altcha-lib/algorithms/pbkdf2";

const challenge = JSON.parse(process.argv[2]);
const solution = await solveChallenge({ challenge, deriveKey });
process.stdout.write(btoa(JSON.stringify({ challenge, solution })));
