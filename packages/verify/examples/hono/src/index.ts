// A back end on Hono that knows who calls.

import { serve } from '@hono/node-server';
import { createVerifier } from '@vestibule/verify';
import { guard } from '@vestibule/verify/hono';
import { Hono } from 'hono';

const { VESTIBULE_ISSUER: issuer, PORT = '3000', BASE_URL: baseUrl = `http://localhost:${PORT}` } = process.env;
const signedIn = guard(createVerifier({ issuer, dpop: { baseUrl } }));

const app = new Hono();
app.get('/me', signedIn(), (context) => context.json({ sub: context.get('caller').sub }));
app.get('/admin', signedIn({ role: 'editor' }), (context) => context.json({ sub: context.get('caller').sub }));
app.post('/payments', signedIn({ maxAge: 300 }), (context) => context.json({ sub: context.get('caller').sub }));

// Routes that all demand the same.
app.use('/internal/*', signedIn({ role: 'editor' }));
app.get('/internal/report', (context) => context.json({ rows: 0 }));

serve({ fetch: app.fetch, port: Number(PORT), hostname: '127.0.0.1' });
