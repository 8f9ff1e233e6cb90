// Runs worker.js on PORT.

import { build } from 'esbuild';
import { Miniflare } from 'miniflare';

await build({ entryPoints: ['worker.js'], bundle: true, format: 'esm', outfile: 'bundle.js', conditions: ['workerd'] });
const { PORT, VESTIBULE_ISSUER, BASE_URL } = process.env;
const server = new Miniflare({
  modules: true,
  scriptPath: 'bundle.js',
  compatibilityDate: '2026-05-01',
  bindings: { VESTIBULE_ISSUER, BASE_URL },
  host: '127.0.0.1',
  port: Number(PORT),
});
process.on('SIGTERM', () => server.dispose());
