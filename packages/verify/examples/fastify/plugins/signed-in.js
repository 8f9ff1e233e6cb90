// Makes `app.signedIn`, the hook of routes that have to know who calls.

import { createVerifier } from '@vestibule/verify';
import { guard } from '@vestibule/verify/fastify';
import plugin from 'fastify-plugin';

const { VESTIBULE_ISSUER: issuer, BASE_URL: baseUrl = 'http://localhost:3000' } = process.env;
const verifier = createVerifier({ issuer, dpop: { baseUrl } });

export default plugin(async (app) => {
  app.decorate('signedIn', guard(verifier, app));
});
