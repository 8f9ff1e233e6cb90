// Calls the route handlers of docs/FRAMEWORKS.md as Next does: by the method's name, with a Request. Listens on PORT.

import { createServer } from "node:http";

async function handle({ method, url, headers }) {
  const handlers = await import(`./app${url}/route.js`);
  return handlers[method](new Request(`http://127.0.0.1${url}`, { method, headers }), { params: Promise.resolve({}) });
}

createServer(async (incoming, outgoing) => {
  const response = await handle(incoming);
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
}).listen(process.env.PORT, "127.0.0.1");
