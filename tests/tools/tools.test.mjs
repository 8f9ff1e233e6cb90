// Third-party generators of clients and importers read openapi/openapi.json without a warning, and the generated
// clients work with a real service. scripts/test installs them in target/tools.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { startService } from '../web/service.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const HOME = `${ROOT}target/tools`;
const WORK = `${HOME}/work`;
const DOCUMENT = `${ROOT}openapi/openapi.json`;
const PASSWORD = 'grüne Fenster im Regen';
const load = createRequire(`${HOME}/`);

// Warnings that the tools print for every document of this kind, and why they are accepted.
const ACCEPTED = [
  // The document is OpenAPI 3.1, whose types may be null, as in JSON Schema. The generator accepts it.
  /OpenAPI 3\.1 support is still in beta/,
  // Printed for every `oneOf`, even one of plain references without a discriminator. The clients have the variants.
  /ModelUtils - Failed to get the schema name: null/,
];

let service;
let pythonPath = '';
let document;

before(async () => {
  await rm(WORK, { recursive: true, force: true });
  await mkdir(`${WORK}/generated`, { recursive: true });
  await cp(`${HERE}clients`, WORK, { recursive: true });
  document = JSON.parse(await readFile(DOCUMENT, 'utf8'));
  service = await startService();
});
after(() => service?.stop());

/** Runs a program. It must succeed, without a warning. */
async function run(program, ...given) {
  // openapi-python-client formats its output with the ruff in the same directory.
  const PATH = `${HOME}/python/bin:${process.env.PATH}`;
  const options = { cwd: WORK, maxBuffer: 1 << 26, env: { ...process.env, PATH, PYTHONPATH: pythonPath, CI: '1' } };
  const said = await new Promise((resolve, reject) => {
    execFile(program, given, options, (error, out, err) => {
      if (error) reject(new Error(`${program} ${given.join(' ')}: ${error.message}\n${out}`));
      else resolve(`${out}\n${err}`);
    });
  });
  const isWarning = (line) => /\bwarn(ing)?\b/i.test(line) && !ACCEPTED.some((known) => known.test(line));
  const warnings = said.split('\n').filter(isWarning);
  assert.deepEqual(warnings, [], `${program} ${given.join(' ')}`);
  return said;
}

const node = (name, ...given) => run(`${HOME}/node_modules/.bin/${name}`, ...given);
const python = (name, ...given) => run(`${HOME}/python/bin/${name}`, ...given);

function openapiGenerator(generator, properties = {}) {
  const named = Object.entries(properties).map(([name, value]) => `${name}=${value}`);
  return python(
    'openapi-generator-cli', 'generate', '--generator-name', generator, '--input-spec', DOCUMENT,
    '--output', `${WORK}/generated/${generator}`,
    // Without this the schemas of forms are missing, but the generated TypeScript code uses them.
    '--global-property', 'skipFormModel=false',
    '--additional-properties', named.join(',') || 'hideGenerationTimestamp=true',
  );
}

/** Compiles a client in TypeScript's strict mode, and runs the steps of one user with it. */
async function walk(name) {
  const settings = {
    compilerOptions: {
      strict: true, noEmit: true, target: 'es2022', module: 'esnext', moduleResolution: 'bundler', skipLibCheck: false,
      lib: ['es2023', 'dom', 'dom.iterable'], types: ['node'], typeRoots: [`${HOME}/node_modules/@types`],
    },
    files: [`${name}.ts`],
  };
  await writeFile(`${WORK}/tsconfig.${name}.json`, JSON.stringify(settings));
  await node('tsc', '--project', `tsconfig.${name}.json`);
  await node('esbuild', `${name}.ts`, '--bundle', '--platform=node', '--format=esm', `--outfile=out/${name}.mjs`);
  const { make } = await import(`${WORK}/out/${name}.mjs`);
  const client = make(service.url);
  const email = `${name}@example.com`;
  const { preAuthToken, secret } = await client.register(email, PASSWORD);
  const first = await client.verify(preAuthToken, await codeOf(secret));
  assert.equal(first.recoveryCodes, 10);
  await service.advance(30);
  const again = await client.logIn(email, PASSWORD);
  assert.equal(await client.refused(again, '0A1B2C3D4E5F6G7H8J9KMNPQ'), 'invalid_code');
  const tokens = await client.verify(again, await codeOf(secret));
  assert.equal(await client.me(tokens.access), email);
  assert.equal(await client.me(await client.refresh(tokens.refresh)), email);
}

async function codeOf(secret) {
  return load('otplib').generateSync({ secret, epoch: Math.floor(await service.now()) });
}

/** Runs the same steps with a Python client below a directory. */
async function walkInPython(program, directory) {
  pythonPath = directory;
  const said = await python('python', `${WORK}/${program}`, service.url, `${program}@example.com`);
  assert.match(said, /walked/);
}

/** Asserts that no type of a generated client has a name derived from its place in the document. */
async function assertNamed(directory) {
  const files = await readdir(`${WORK}/generated/${directory}`, { recursive: true });
  assert.ok(files.length > 50, `${files.length} files`);
  const made = files.filter((name) => /(one|any|all)_?of|inline_?(object|response|model)|anonymous/i.test(name));
  assert.deepEqual(made, []);
}

test('openapi-typescript and openapi-fetch', async () => {
  await node('openapi-typescript', DOCUMENT, '--output', 'generated/openapi-typescript/api.d.ts');
  await walk('openapi-fetch');
});

test('hey-api', async () => {
  await node('openapi-ts', '--input', DOCUMENT, '--output', 'generated/hey-api', '--client', '@hey-api/client-fetch');
  const types = await readFile(`${WORK}/generated/hey-api/types.gen.ts`, 'utf8');
  assert.doesNotMatch(types, /Writable\b/, 'a schema differs between requests and answers');
  await walk('hey-api');
});

test('orval', async () => {
  await node('orval', '--input', DOCUMENT, '--output', 'generated/orval/vestibule.ts', '--client', 'fetch');
  await walk('orval');
});

test('openapi-generator for TypeScript', async () => {
  await openapiGenerator('typescript-fetch', { npmName: 'vestibule-client', supportsES6: true, stringEnums: false });
  await assertNamed('typescript-fetch');
  await walk('openapi-generator');
});

test('openapi-generator for Python', async () => {
  await openapiGenerator('python', { packageName: 'vestibule_client' });
  await assertNamed('python');
  await walkInPython('openapi_generator.py', `${WORK}/generated/python`);
});

for (const language of ['kotlin', 'swift6', 'go']) {
  test(`openapi-generator for ${language}`, async () => {
    await openapiGenerator(language);
    await assertNamed(language);
  });
}

test('openapi-python-client', async () => {
  const names = { project_name_override: 'vestibule-client', package_name_override: 'vestibule_client' };
  await writeFile(`${WORK}/config.json`, JSON.stringify(names));
  await python(
    'openapi-python-client', 'generate', '--path', DOCUMENT, '--output-path', `${WORK}/generated/openapi-python-client`,
    '--config', `${WORK}/config.json`, '--meta', 'setup', '--fail-on-warning',
  );
  await walkInPython('openapi_python_client.py', `${WORK}/generated/openapi-python-client`);
});

/** Returns `METHOD path` of every operation, with its parameters as `{}`. */
function operations() {
  const named = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path.replace(/\{\w+\}/g, '{}')}`),
  );
  return named.sort();
}

test('Postman', async () => {
  const converter = load('openapi-to-postmanv2');
  const { result, reason, output } = await new Promise((resolve, reject) => {
    const input = { type: 'json', data: document };
    converter.convertV2(input, {}, (error, made) => (error ? reject(error) : resolve(made)));
  });
  assert.ok(result, reason);
  const requests = [];
  const collect = ({ item, request }) => (item ? item.forEach(collect) : requests.push(request));
  output[0].data.item.forEach(collect);
  const asked = requests.map(({ method, url }) => `${method} /${url.path.join('/').replace(/:\w+/g, '{}')}`);
  assert.deepEqual(asked.sort(), operations());
  for (const { body, url } of requests.filter(({ body }) => body?.mode === 'raw')) {
    assert.equal(typeof JSON.parse(body.raw), 'object', url.path.join('/'));
  }
});

test('Bruno', async () => {
  const { openApiToBruno } = load('@usebruno/converters');
  const collection = await openApiToBruno(document);
  const requests = [];
  const collect = ({ items, request }) => (items ? items.forEach(collect) : requests.push(request));
  collection.items.forEach(collect);
  const path = (url) => url.replace('{{baseUrl}}', '').replace(/[:{]+\w+\}*/g, '{}');
  const asked = requests.map(({ method, url }) => `${method.toUpperCase()} ${path(url)}`);
  assert.deepEqual(asked.sort(), operations());
});
