// The tutorials for front ends work: their files are taken from the pages, compiled and run.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { ROOT, generateSync } from '../web/libraries.mjs';
import { PASSWORD, openBrowser } from '../web/person.mjs';
import { startService } from '../web/service.mjs';
import { Project, freePort } from './project.mjs';

const run = promisify(execFile);
/** The packages as npm installs them, from tests/packages/check-types. */
const INSTALLED = `${ROOT}target/package-tests/types/node_modules`;
const TSC = `${ROOT}target/package-tests/checkout/packages/node_modules/.bin/tsc`;
/** @type {any} */
let service;
let place = '';

before(async () => {
  service = await startService({ LISTEN: 'localhost:0' });
  place = await mkdtemp(join(tmpdir(), 'vestibule-tutorials-'));
});
after(async () => {
  await service?.stop();
  await rm(place, { recursive: true, force: true });
});

/**
 * Reads a tutorial: its files, which are the blocks that begin with a name, and its commands.
 * @param {string} page
 */
async function read(page) {
  const text = await readFile(`${ROOT}docs/tutorials/${page}.md`, 'utf8');
  const files = [...text.matchAll(/^```\w+\n\/\/ ([\w./-]+)\n([^]*?)^```$/gm)].map(([, name = '', content = '']) => ({
    name,
    content,
  }));
  const commands = [...text.matchAll(/^```sh\n([^]*?)^```$/gm)].flatMap(([, block = '']) => block.trim().split('\n'));
  return { files, commands };
}

test('the mobile app registers, restarts, signs out and signs in again', async () => {
  const { files, commands } = await read('mobile-app');
  assert.deepEqual(files.map(({ name }) => name), ['auth.ts', 'try.mjs']);
  const directory = join(place, 'mobile-app');
  await mkdir(directory);
  await symlink(INSTALLED, join(directory, 'node_modules'));
  await writeFile(join(directory, 'package.json'), '{"type": "module"}');
  for (const { name, content } of files) await writeFile(join(directory, name), content);
  const compile = commands.find((command) => command.startsWith('npx tsc '));
  await run(TSC, compile.split(' ').slice(2), { cwd: directory });
  const env = { ...process.env, BASE: service.url };
  const { stdout } = await run(process.execPath, ['try.mjs'], { cwd: directory, env });
  const said = stdout.split('\n');
  const email = /^registered: (jo-\d+@example\.com)$/m.exec(stdout)?.[1];
  assert.ok(email, stdout);
  for (const line of [`after a restart: ${email}`, 'after the sign-out: undefined', `signed in again: ${email}`]) {
    assert.ok(said.includes(line), stdout);
  }
  assert.equal(stdout.match(/'[\w-]+',?/g)?.length, 10, stdout);
});

test('the single-page app registers, stays signed in, signs out and signs in again', async () => {
  const { files, commands } = await read('single-page-app');
  assert.deepEqual(files.map(({ name }) => name), ['src/App.tsx']);
  // What a project of the tests is made by.
  const create = 'npm create --yes vite@latest my-app -- --template react-ts --no-interactive';
  for (const command of [create, 'npm run dev']) {
    assert.ok(commands.includes(command), command);
  }
  const base = service.url;
  const [project, browser] = await Promise.all([Project.make(), openBrowser()]);
  try {
    for (const { name, content } of files) {
      assert.ok(content.includes('http://localhost:8080'));
      await writeFile(join(project.directory, name), content.replace('http://localhost:8080', base));
    }
    // It compiles under the template's settings, and runs as `npm run dev` serves it, in React's strict mode.
    await project.build();
    const page = await browser.newPage();
    page.setDefaultTimeout(20_000);
    await page.goto(await project.develop(await freePort()));
    await register(page, base);
  } finally {
    await browser.close();
    await project.remove();
  }
});

/** What the tutorial says to do in the browser. */
async function register(page, base) {
  const email = 'spa@example.com';
  const press = (name) => page.getByRole('button', { name, exact: true }).click();
  const fill = (label, text) => page.getByLabel(label, { exact: true }).fill(text);
  const isHome = () => page.getByRole('heading', { name: `Hello, ${email}` }).waitFor();
  await press('Create an account');
  await fill('E-mail address', email);
  await fill('Password', 'password1');
  await press('Create an account');
  await page.getByText('This password is too short or too easy to guess.').waitFor();
  await fill('Password', PASSWORD);
  const made = page.waitForResponse((response) => response.url() === `${base}/register` && response.status() === 201);
  await press('Create an account');
  assert.ok((await (await made).json()).totp);
  // The other way is a passkey: here, and when a sign-in goes on with the set-up.
  const offersBoth = async () => {
    await page.getByAltText('QR code for your authenticator app').waitFor();
    await page.getByRole('button', { name: 'Create a passkey', exact: true }).waitFor();
  };
  await offersBoth();
  await page.reload();
  await fill('E-mail address or user name', email);
  await fill('Password', PASSWORD);
  const again = page.waitForResponse((response) => response.url() === `${base}/2fa/totp` && response.ok());
  await press('Sign in');
  const { secret } = await (await again).json();
  const code = async () => generateSync({ secret, epoch: Math.floor(await service.now()) });
  await offersBoth();
  await fill('Code that the app shows', await code());
  await press('I have stored the codes');
  await isHome();
  await page.reload();
  await isHome();
  // Wait five minutes.
  await service.advance(330);
  await press('New recovery codes');
  await page.getByRole('dialog').getByLabel('Code', { exact: true }).fill(await code());
  await press('I have stored the codes');
  await page.route(`${base}/logout`, (route) => route.abort());
  const told = page.waitForEvent('dialog');
  await press('Sign out').catch(() => undefined);
  const dialog = await told;
  assert.equal(dialog.message(), 'You are still signed in. Try again.');
  await dialog.accept();
  await page.unroute(`${base}/logout`);
  await press('Sign out');
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.reload();
  await service.advance(30);
  await fill('E-mail address or user name', email);
  await fill('Password', PASSWORD);
  await press('Sign in');
  await fill('Code', await code());
  await isHome();
}
