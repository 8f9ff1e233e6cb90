// The same back end as examples/hono, as a Worker: its settings come with each request.

import { createVerifier } from '@vestibule/verify';
import { guard } from '@vestibule/verify/hono';
import { Hono } from 'hono';

let app;

function makeApp({ VESTIBULE_ISSUER: issuer, BASE_URL: baseUrl }) {
  const signedIn = guard(createVerifier({ issuer, dpop: { baseUrl } }));
  const made = new Hono();
  made.get('/me', signedIn(), (context) => context.json({ sub: context.get('caller').sub }));
  made.get('/admin', signedIn({ role: 'editor' }), (context) => context.json({ sub: context.get('caller').sub }));
  made.post('/payments', signedIn({ maxAge: 300 }), (context) => context.json({ sub: context.get('caller').sub }));
  made.use('/internal/*', signedIn({ role: 'editor' }));
  made.get('/internal/report', (context) => context.json({ rows: 0 }));
  return made;
}

export default {
  fetch(request, environment, context) {
    app ??= makeApp(environment);
    return app.fetch(request, environment, context);
  },
};
