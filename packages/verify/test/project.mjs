// A fresh project of a framework with the packed package and the example on top, and the back end that it starts.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { PLACE, ROOT } from './package.mjs';

const EXAMPLES = `${ROOT}packages/verify/examples`;
const WORKERS = `${ROOT}packages/verify/test/workers`;
const BIN = `${PLACE}/installed/node_modules/.bin`;
const NEXT = ['--ts', '--api', '--use-npm', '--skip-install', '--disable-git', '--yes'];

/**
 * How each project comes into being: the template of the ecosystem, where it has one without a download from elsewhere,
 * and what builds and starts the project.
 */
const FRAMEWORKS = {
  express: { create: ['npm', 'init', '--yes'], start: ['app.js'] },
  fastify: {
    create: [`${BIN}/fastify`, 'generate', '.', '--esm', '--integrate'],
    start: ['node_modules/.bin/fastify', 'start', 'app.js'],
  },
  // Its `create-hono` gets the templates from GitHub.
  hono: { create: ['npm', 'init', '--yes'], build: ['npm', 'run', 'build'], start: ['dist/index.js'] },
  next: {
    create: [`${BIN}/create-next-app`, '.', ...NEXT],
    build: ['npm', 'run', 'build'],
    start: ['node_modules/.bin/next', 'start', '--hostname', '127.0.0.1'],
  },
  'next-edge': {
    source: `${EXAMPLES}/next`,
    create: [`${BIN}/create-next-app`, '.', ...NEXT],
    change: intoEdge,
    build: ['npm', 'run', 'build'],
    check: isInEdge,
    start: ['node_modules/.bin/next', 'start', '--hostname', '127.0.0.1'],
  },
  workers: { source: WORKERS, create: ['npm', 'init', '--yes'], start: ['serve.mjs'] },
};

export const FRAMEWORK_NAMES = Object.keys(FRAMEWORKS);

/** Makes a project, and returns what starts its back end. `environment`: of the build. */
export async function makeProject(framework, environment) {
  const place = `${PLACE}/projects/${framework}-back-end`;
  const { source = `${EXAMPLES}/${framework}`, create, change, build, check } = FRAMEWORKS[framework];
  await rm(place, { recursive: true, force: true });
  await mkdir(place, { recursive: true });
  await run(place, create);
  const template = await dependenciesOf(place);
  await cp(source, place, { recursive: true });
  await change?.(place);
  const example = await dependenciesOf(place);
  // The example is the template and more, also after an upgrade of the template.
  for (const name of template) assert.ok(example.includes(name), `the example lacks ${name}`);
  await cp(`${PLACE}/installed/vestibule-verify.tgz`, `${place}/vestibule-verify.tgz`);
  await run(place, ['npm', 'ci', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error']);
  if (build) await run(place, build, environment);
  await check?.(place);
  return { name: framework, place, start: [process.execPath, ...FRAMEWORKS[framework].start] };
}

/** Makes a middleware of the proxy: it runs in Next's edge runtime, where a proxy never runs. */
async function intoEdge(place) {
  const proxy = await readFile(`${place}/proxy.ts`, 'utf8');
  await writeFile(`${place}/middleware.ts`, proxy.replace('const proxy', 'const middleware'));
  await rm(`${place}/proxy.ts`);
}

/** Asserts that Next built the middleware for the edge runtime. */
async function isInEdge(place) {
  const { middleware } = JSON.parse(await readFile(`${place}/.next/server/middleware-manifest.json`, 'utf8'));
  assert.deepEqual(Object.keys(middleware), ['/']);
}

async function dependenciesOf(place) {
  return Object.keys(JSON.parse(await readFile(`${place}/package.json`, 'utf8')).dependencies ?? {});
}

async function run(place, [program, ...given], environment = {}) {
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', CI: '1', ...environment };
  const child = spawn(program, given, { cwd: place, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => said.push(data));
  const [status] = await once(child, 'close');
  if (status !== 0) throw new Error(`${program} ${given.join(' ')}: ${status}\n${Buffer.concat(said)}`);
}

/** A running back end. */
export class BackEnd {
  /** Starts the back end of a project, and waits until it answers. */
  static async start({ name, place, start: [program, ...given] }, environment) {
    const port = await freePort();
    const backEnd = new BackEnd();
    backEnd.url = `http://127.0.0.1:${port}`;
    const own = { PORT: String(port), FASTIFY_PORT: String(port), BASE_URL: backEnd.url, NODE_ENV: 'production' };
    const env = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      NEXT_TELEMETRY_DISABLED: '1',
      ...own,
      ...environment,
    };
    backEnd.child = spawn(program, given, { cwd: place, env, stdio: ['ignore', 'pipe', 'pipe'] });
    backEnd.ended = once(backEnd.child, 'exit');
    const said = [];
    for (const stream of [backEnd.child.stdout, backEnd.child.stderr]) stream.on('data', (data) => said.push(data));
    for (let tries = 0; ; tries += 1) {
      const answer = await fetch(backEnd.url).catch(() => null);
      if (answer) break;
      const isDead = backEnd.child.exitCode !== null || tries > 300;
      if (isDead) throw new Error(`${name} does not start:\n${Buffer.concat(said)}`);
      await sleep(100);
    }
    return backEnd;
  }

  async stop() {
    this.child.kill('SIGTERM');
    await this.ended;
  }

  /** Sends a request. `headers`: of the credentials. */
  async call(method, path, headers = {}) {
    const answer = await fetch(this.url + path, { method, headers });
    const text = await answer.text();
    return {
      status: answer.status,
      challenge: answer.headers.get('www-authenticate'),
      retryAfter: answer.headers.get('retry-after'),
      body: text.startsWith('{') ? JSON.parse(text) : text,
    };
  }
}

/** Returns a port on which nothing listens. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}
