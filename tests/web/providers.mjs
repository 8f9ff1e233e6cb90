// A service whose users can also sign in with accounts of other services. Two of those are OpenID providers that others
// wrote, tests/peers/oidc_provider.mjs; the third is never there. A service can also have those of
// tests/peers/lying_provider.py.

import { spawn } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { ROOT } from './libraries.mjs';
import { PASSWORD } from './person.mjs';
import { startService } from './service.mjs';

/** More than the users of any file, each with the address that a person of the tests has. */
const USERS = 60;
/** Where the libraries of the peers are installed. Node searches for them from the module's own directory upwards. */
const MODULES = join(ROOT, 'target/verifiers/node');
const PYTHON = join(ROOT, 'target/verifiers/python/bin/python');
const SECRET = 'a secret of the provider';

/** The names at the providers of a user whose address belongs to no person, and of one who has none. */
export const STRANGER = 'stranger';
export const NAMELESS = 'without-address';

/** The names of the providers, as users read them. The service believes what the first says about addresses. */
export const NAMES = { example: 'Example', other: 'Other Works', offline: 'Offline Inc.' };

async function freePort() {
  const socket = createServer();
  const port = await new Promise((resolve) =>
    socket.listen(0, '127.0.0.1', () => {
      resolve(/** @type {import('node:net').AddressInfo} */ (socket.address()).port);
    }),
  );
  await new Promise((resolve) => socket.close(resolve));
  return port;
}

/**
 * Starts the program of a provider, and waits for its port.
 * @param {string[]} command
 */
async function run([program, ...words]) {
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const port = await Promise.race([
    new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve)),
    ended.then((status) => Promise.reject(new Error(`the provider ended with ${status}`))),
  ]);
  const end = async () => {
    child.stdin.end();
    await ended;
  };
  return { port, end };
}

/** Starts a provider, and returns what ends it. @param {number} port @param {string} callback */
async function startProvider(port, callback) {
  const program = join(MODULES, 'oidc_provider.mjs');
  await copyFile(join(ROOT, 'tests/peers/oidc_provider.mjs'), program);
  const ids = Array.from({ length: USERS }, (_, index) => `person-${index + 1}`);
  const named = [...ids, STRANGER].map((id) => ({ id, email: `${id}@example.com`, email_verified: true }));
  const accounts = [...named, { id: NAMELESS }];
  const settings = { port, redirect_uris: [callback], client_secret: SECRET, accounts };
  const { end } = await run([process.execPath, program, JSON.stringify(settings)]);
  return end;
}

/** What the file of providers says about one. @param {{id: string, name: string, issuer: string, secret: string}} it */
function table({ id, name, issuer, secret }) {
  return [
    `[providers.${id}]`,
    `name = "${name}"`,
    `issuer = "${issuer}"`,
    'client_id = "vestibule"',
    `client_secret_file = "${secret}"`,
    ...(id === 'example' ? ['authoritative = ["example.com"]'] : []),
    '',
  ].join('\n');
}

/**
 * Starts a service with providers.
 * @param {Record<string, string>} [settings]
 * @param {{id: string, name: string, issuer: string, secret: string}[]} [more] providers that run already
 */
export async function startWithProviders(settings = {}, more = []) {
  const place = await mkdtemp(join(tmpdir(), 'vestibule-providers-'));
  const ids = Object.keys(NAMES);
  const ports = await Promise.all(ids.map(freePort));
  const providers = ids.map((id, index) => {
    return { id, name: NAMES[id], issuer: `http://127.0.0.1:${ports[index]}`, secret: SECRET };
  });
  providers.push(...more);
  for (const { id, secret } of providers) await writeFile(join(place, id), secret, { mode: 0o600 });
  const tables = providers.map((provider) => table({ ...provider, secret: provider.id }));
  await writeFile(join(place, 'providers.toml'), tables.join('\n'));
  // Another host name than that of the providers, so the browser treats them as different sites.
  const service = await startService({
    LISTEN: 'localhost:0',
    SECOND_FACTORS: 'totp',
    OIDC_PROVIDERS_FILE: join(place, 'providers.toml'),
    ...settings,
  });
  /** @type {Record<string, () => Promise<void>>} */
  const ends = {};
  service.startProvider = async (id) => {
    ends[id] = await startProvider(ports[ids.indexOf(id)], callback(service, id));
  };
  service.stopProvider = (id) => ends[id]();
  await Promise.all(['example', 'other'].map(service.startProvider));
  const { stop } = service;
  service.stop = async () => {
    await Promise.all(Object.values(ends).map((end) => end()));
    await stop();
    await rm(place, { recursive: true, force: true });
  };
  service.issuers = Object.fromEntries(providers.map(({ id, issuer }) => [id, issuer]));
  return service;
}

/**
 * Starts a service with three more providers: the ID tokens of Unruly Works are for another client, Shaky Works does
 * not answer the first request for tokens, and Many Works gives users any number of accounts.
 * @param {Record<string, string>} [settings]
 */
export async function startWithUnruly(settings) {
  const { port, end } = await run([PYTHON, join(ROOT, 'tests/peers/lying_provider.py')]);
  const more = [
    { id: 'unruly', name: 'Unruly Works', lie: 'aud' },
    { id: 'shaky', name: 'Shaky Works', lie: 'returns' },
    { id: 'many', name: 'Many Works', lie: 'honest' },
  ].map(({ lie, ...named }) => ({ ...named, issuer: `http://127.0.0.1:${port}/${lie}`, secret: 'secret' }));
  const service = await startWithProviders(settings, more);
  const { stop } = service;
  service.stop = async () => {
    await stop();
    await end();
  };
  return service;
}

/**
 * Connects accounts of Many Works to the account of a person, as an app does: without the pages.
 * @param {any} person @param {number} count
 */
export async function connectMany(person, count) {
  const { service } = person;
  const password = { email: person.email, password: PASSWORD };
  const { pre_auth_token } = await service.call('POST', '/login', password);
  const code = await person.code();
  const { access_token: token } = await service.call('POST', '/2fa/verify', { pre_auth_token, code });
  for (let number = 1; number <= count; number += 1) {
    const where = { redirect_uri: service.page('federation') };
    const started = await service.call('POST', '/federation/many/start', where, token);
    const challenge = new URL(started.authorization_url).searchParams.get('code_challenge');
    const answer = { user: { sub: `account ${number}` }, nonce: started.nonce, challenge };
    const body = {
      federation_token: started.federation_token,
      code: Buffer.from(JSON.stringify(answer)).toString('base64url'),
      state: started.state,
      iss: service.issuers.many,
    };
    await service.call('POST', '/federation/many/finish', body, token);
  }
}

/** Where a provider sends browsers back to. @param {any} service @param {string} id */
function callback(service, id) {
  return `${service.url}/federation/${id}/callback`;
}

/** The pages of the providers ask for a font, which they do not get. */
const FONTS = 'https://fonts.googleapis.com/';

/** Lets a person visit the providers. @param {any} person */
export async function meetProviders(person) {
  for (const url of [...Object.values(person.service.issuers), FONTS]) person.visits(url);
  await person.context.route(`${FONTS}**`, (route) => route.fulfill({ contentType: 'text/css', body: '' }));
}

/** The user's name at the providers. @param {any} person */
function nameOf(person) {
  return person.email.split('@')[0];
}

/** The user signs in on the page of a provider, and lets it tell the service who they are. */
export async function signInThere(person, page = person.page, name = nameOf(person)) {
  await page.getByPlaceholder('Enter any login').fill(name);
  await page.getByPlaceholder('and password').fill('any');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
}
