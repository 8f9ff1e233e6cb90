// Makes the handlers of routes that have to know who calls.

import { createVerifier } from '@vestibule/verify';
import { guard } from '@vestibule/verify/next';

const { VESTIBULE_ISSUER: issuer, BASE_URL: baseUrl = 'http://localhost:3000' } = process.env;

export const signedIn = guard(createVerifier({ issuer, dpop: { baseUrl } }));
