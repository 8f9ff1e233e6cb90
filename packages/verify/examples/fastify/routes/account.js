// Routes that answer who calls.

export default async function account(app) {
  app.get('/me', { onRequest: app.signedIn() }, async (request) => ({ sub: request.caller.sub }));
  app.get('/admin', { onRequest: app.signedIn({ role: 'editor' }) }, async (request) => ({ sub: request.caller.sub }));
  app.post('/payments', { onRequest: app.signedIn({ maxAge: 300 }) }, async (request) => ({ sub: request.caller.sub }));

  // Routes that all demand the same.
  await app.register(async (internal) => {
    internal.addHook('onRequest', app.signedIn({ role: 'editor' }));
    internal.get('/internal/report', async () => ({ rows: 0 }));
  });
}
