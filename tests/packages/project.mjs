// A fresh project, made by the newest template of Vite with React and TypeScript, with the packed packages in it.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { copyFile, cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';

import { ROOT } from '../web/libraries.mjs';

const HOME = `${ROOT}target/package-tests/`;
const run = promisify(execFile);

/** A port that is free at the moment: a page has to know its service, and the service its pages. */
export async function freePort() {
  const socket = createServer();
  await new Promise((resolve) => socket.listen(0, 'localhost', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (socket.address());
  await new Promise((resolve) => socket.close(resolve));
  return port;
}

export class Project {
  /** Makes a project, as the tutorial says. */
  static async make() {
    const place = await mkdtemp(join(tmpdir(), 'vestibule-project-'));
    const template = [`${HOME}node_modules/create-vite/index.js`, 'app', '--template', 'react-ts', '--no-interactive'];
    await run(process.execPath, template, { cwd: place });
    const project = new Project(place, join(place, 'app'));
    // What the template asks for is as old as this file. Delete it to try newer versions, and copy what npm writes.
    await copyFile(`${ROOT}tests/packages/project-lock.json`, join(project.directory, 'package-lock.json'));
    const packed = (await readdir(`${HOME}packed`)).map((name) => `${HOME}packed/${name}`);
    assert.equal(packed.length, 2);
    await project.run('npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', ...packed);
    return project;
  }

  /** @param {string} place @param {string} directory */
  constructor(place, directory) {
    this.place = place;
    this.directory = directory;
    /** What programs in it find in their environment. @type {Record<string, string>} */
    this.settings = {};
    /** @type {import('node:child_process').ChildProcess[]} */
    this.servers = [];
  }

  /** Runs a program in the project. @param {string} program @param {string[]} words */
  async run(program, ...words) {
    try {
      return await run(program, words, { cwd: this.directory, env: { ...process.env, ...this.settings } });
    } catch (error) {
      throw new Error(`${program} ${words.join(' ')}: ${error.stdout}${error.stderr}`);
    }
  }

  /** Copies files of the repository into `src`. @param {string} folder */
  async add(folder) {
    await cp(`${ROOT}${folder}`, join(this.directory, 'src'), { recursive: true });
  }

  /** Compiles the project as the template does. @param {Record<string, string>} [settings] for the code */
  async build(settings) {
    this.settings = { ...this.settings, ...settings };
    await this.run('npm', 'run', 'build');
  }

  /**
   * Bundles the project with libraries of another folder in the place of its own. Types are not checked: they would be
   * those of the project's own versions.
   * @param {string} folder has `node_modules` @param {string[]} names @param {string} out
   */
  async bundleWith(folder, names, out) {
    const alias = Object.fromEntries(names.map((name) => [name, `${folder}node_modules/${name}`]));
    const config = `import react from '@vitejs/plugin-react'
      export default { plugins: [react()], resolve: { alias: ${JSON.stringify(alias)} } }`;
    await writeFile(join(this.directory, `${out}.config.js`), config);
    await this.run('npx', 'vite', 'build', '--config', `${out}.config.js`, '--outDir', out);
  }

  /** Serves what was built. Returns its URL. @param {number} port @param {string} [out] where it is */
  serve(port, out = 'dist') {
    // Without it, Vite serves a project once.
    return this.#start(port, 'preview', '--outDir', out, '--bypass-lock');
  }

  /** Serves the project as `npm run dev` does. Returns its URL. @param {number} port */
  develop(port) {
    return this.#start(port);
  }

  async #start(port, ...command) {
    const vite = join(this.directory, 'node_modules/vite/bin/vite.js');
    const words = [vite, ...command, '--port', String(port), '--strictPort', '--host', 'localhost'];
    const server = spawn(process.execPath, words, { cwd: this.directory, stdio: ['ignore', 'ignore', 'pipe'] });
    this.servers.push(server);
    let said = '';
    server.stderr.on('data', (data) => (said += data));
    const url = `http://localhost:${port}`;
    for (let tries = 0; tries < 300 && server.exitCode === null; tries += 1) {
      if (await fetch(url).then(({ ok }) => ok, () => false)) return url;
      await setTimeout(100);
    }
    throw new Error(`vite does not answer: ${said}`);
  }

  async remove() {
    for (const server of this.servers.filter(({ exitCode }) => exitCode === null)) {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill();
      await ended;
    }
    await rm(this.place, { recursive: true, force: true });
  }
}
