// Third-party libraries of the tests of the packages, from where scripts/test installs them.

import { createRequire } from 'node:module';

import { ROOT } from '../web/libraries.mjs';

const verifiers = createRequire(`${ROOT}target/verifiers/node/`);

/** Verifies access tokens and proofs of possession, as back ends do. */
export const oauth = await import(verifiers.resolve('oauth4webapi'));
