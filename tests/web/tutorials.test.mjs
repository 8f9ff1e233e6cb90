// The tutorials for front ends work from an empty directory: their files are taken from the pages, compiled and run.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { ROOT, generateSync } from './libraries.mjs';
import { PASSWORD, openBrowser } from './person.mjs';
import { startService } from './service.mjs';

const run = promisify(execFile);
const BIN = `${ROOT}target/web-tests/node_modules/.bin`;
/** @type {any} */
let service;
let place = '';

before(async () => {
  service = await startService();
  place = await mkdtemp(join(tmpdir(), 'vestibule-tutorials-'));
});
after(async () => {
  await service?.stop();
  await rm(place, { recursive: true, force: true });
});

/**
 * Makes a directory with what a tutorial says: the client, its types, and the blocks that begin with a file's name.
 * @param {string} page
 * @param {(text: string) => string} [change]
 */
async function layOut(page, change = (text) => text) {
  const directory = join(place, page);
  await mkdir(directory);
  for (const name of ['vestibule.ts', 'tsconfig.json']) {
    await copyFile(`${ROOT}examples/client/${name}`, join(directory, name));
  }
  await writeFile(join(directory, 'package.json'), '{"type": "module"}');
  await run(join(BIN, 'openapi-typescript'), [`${service.url}/openapi.json`, '--output', join(directory, 'api.d.ts')]);
  const text = await readFile(`${ROOT}docs/tutorials/${page}.md`, 'utf8');
  const files = [...text.matchAll(/^```\w+\n(?:\/\/|<!--) ([\w.-]+)(?: -->)?\n([^]*?)^```$/gm)];
  for (const [, name = '', content = ''] of files) await writeFile(join(directory, name), change(content));
  await run(join(BIN, 'tsc'), ['--project', directory]);
  return { directory, files: files.map(([, name]) => name) };
}

test('the mobile app registers, restarts, signs out and signs in again', async () => {
  const { directory, files } = await layOut('mobile-app');
  assert.deepEqual(files, ['auth.ts', 'try.mjs']);
  const env = { ...process.env, BASE: service.url };
  const { stdout } = await run(process.execPath, ['try.mjs'], { cwd: directory, env });
  const said = stdout.split('\n');
  const email = /^registered: (jo-\d+@example\.com)$/m.exec(stdout)?.[1];
  assert.ok(email, stdout);
  for (const line of [`after a restart: ${email}`, 'after the logout: undefined', `signed in again: ${email}`]) {
    assert.ok(said.includes(line), stdout);
  }
  assert.equal(stdout.match(/'[\w-]+',?/g)?.length, 10, stdout);
});

test('the single-page app registers, stays signed in, signs out and signs in again', async () => {
  const base = service.url.replace('127.0.0.1', 'localhost');
  const { directory, files } = await layOut('single-page-app', (text) =>
    text.replace('http://localhost:8080', base),
  );
  assert.deepEqual(files, ['index.html', 'app.ts']);
  const types = { '.html': 'text/html', '.js': 'text/javascript' };
  const server = createServer((request, response) => {
    const path = request.url === '/' ? '/index.html' : String(request.url);
    readFile(join(directory, path)).then(
      (content) => response.setHeader('Content-Type', types[extname(path)] ?? 'text/plain').end(content),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const browser = await openBrowser();
  try {
    const page = await browser.newPage();
    await page.goto(`http://localhost:${/** @type {any} */ (server.address()).port}/`);
    await page.fill('[name=email]', 'spa@example.com');
    await page.fill('[name=password]', 'password1');
    await page.click('text=Register');
    await page.locator('#problem', { hasText: 'password' }).waitFor();
    await page.fill('[name=password]', PASSWORD);
    const made = page.waitForResponse(`${base}/register`);
    await page.click('text=Register');
    const { secret } = (await (await made).json()).totp;
    await page.locator('#qr-code').waitFor();
    const code = async () => generateSync({ secret, epoch: Math.floor(await service.now()) });
    await page.fill('[name=code]', await code());
    await page.click('text=Continue');
    await page.locator('#name', { hasText: 'spa@example.com' }).waitFor();
    assert.equal((await page.locator('#recovery-codes').innerText()).split('\n').length, 10);
    await page.reload();
    await page.locator('#name', { hasText: 'spa@example.com' }).waitFor();
    await page.click('text=Sign out');
    await page.locator('#sign-in').waitFor();
    await page.reload();
    await page.locator('#sign-in').waitFor();
    await service.advance(30);
    await page.fill('[name=email]', 'spa@example.com');
    await page.fill('[name=password]', PASSWORD);
    await page.click('button[value=sign-in]');
    await page.locator('[name=code]').waitFor();
    await page.fill('[name=code]', await code());
    await page.click('text=Continue');
    await page.locator('#name', { hasText: 'spa@example.com' }).waitFor();
  } finally {
    await browser.close();
    server.close();
  }
});
