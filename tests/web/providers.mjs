// A service whose users can also sign in with accounts of other services. Two of those are OpenID providers that others
// wrote, tests/peers/oidc_provider.mjs; the third is never there.

import { spawn } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { ROOT } from './libraries.mjs';
import { startService } from './service.mjs';

/** More than the users of any file, each with the address that a person of the tests has. */
const USERS = 60;
/** Where the libraries of the peers are installed. Node searches for them from the module's own directory upwards. */
const MODULES = join(ROOT, 'target/verifiers/node');

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

/** Starts a provider, and returns what ends it. @param {number} port @param {string} callback */
async function startProvider(port, callback) {
  const program = join(MODULES, 'oidc_provider.mjs');
  await copyFile(join(ROOT, 'tests/peers/oidc_provider.mjs'), program);
  const accounts = Array.from({ length: USERS }, (_, index) => {
    const id = `person-${index + 1}`;
    return { id, email: `${id}@example.com`, email_verified: true };
  });
  const settings = { port, redirect_uris: [callback], client_secret: 'a secret of the provider', accounts };
  const child = spawn(process.execPath, [program, JSON.stringify(settings)], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await Promise.race([
    new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve)),
    ended.then((status) => Promise.reject(new Error(`the provider ended with ${status}`))),
  ]);
  return async () => {
    child.stdin.end();
    await ended;
  };
}

/** Starts a service with providers. @param {Record<string, string>} [settings] */
export async function startWithProviders(settings = {}) {
  const place = await mkdtemp(join(tmpdir(), 'vestibule-providers-'));
  const ids = Object.keys(NAMES);
  const ports = await Promise.all(ids.map(freePort));
  const tables = ids.map((id, index) =>
    [
      `[providers.${id}]`,
      `name = "${NAMES[id]}"`,
      `issuer = "http://127.0.0.1:${ports[index]}"`,
      'client_id = "vestibule"',
      'client_secret_file = "secret"',
      ...(id === 'example' ? ['authoritative = ["example.com"]'] : []),
      '',
    ].join('\n'),
  );
  await writeFile(join(place, 'secret'), 'a secret of the provider', { mode: 0o600 });
  await writeFile(join(place, 'providers.toml'), tables.join('\n'));
  // Another host name than that of the providers, so the browser treats them as different sites.
  const service = await startService({
    LISTEN: 'localhost:0',
    SECOND_FACTORS: 'totp',
    OIDC_PROVIDERS_FILE: join(place, 'providers.toml'),
    ...settings,
  });
  const running = ids.slice(0, 2).map((id, index) => startProvider(ports[index], callback(service, id)));
  const ends = await Promise.all(running);
  const { stop } = service;
  service.stop = async () => {
    await Promise.all(ends.map((end) => end()));
    await stop();
    await rm(place, { recursive: true, force: true });
  };
  service.issuers = Object.fromEntries(ids.map((id, index) => [id, `http://127.0.0.1:${ports[index]}`]));
  return service;
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
export async function signInThere(person, page = person.page) {
  await page.getByPlaceholder('Enter any login').fill(nameOf(person));
  await page.getByPlaceholder('and password').fill('any');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
}
