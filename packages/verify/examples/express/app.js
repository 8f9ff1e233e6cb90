// A back end on Express that knows who calls.

import { createVerifier } from '@vestibule/verify';
import { guard } from '@vestibule/verify/express';
import express from 'express';

const { VESTIBULE_ISSUER: issuer, PORT = '3000', BASE_URL: baseUrl = `http://localhost:${PORT}` } = process.env;
const signedIn = guard(createVerifier({ issuer, dpop: { baseUrl } }));

const app = express();
app.get('/me', signedIn(), (request, response) => response.json({ sub: request.caller.sub }));
app.get('/admin', signedIn({ role: 'editor' }), (request, response) => response.json({ sub: request.caller.sub }));
app.post('/payments', signedIn({ maxAge: 300 }), (request, response) => response.json({ sub: request.caller.sub }));

// A router whose routes all demand the same.
const internal = express.Router();
internal.use(signedIn({ role: 'editor' }));
internal.get('/report', (request, response) => response.json({ rows: 0 }));
app.use('/internal', internal);

app.listen(Number(PORT), '127.0.0.1');
