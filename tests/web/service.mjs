// A service for one test file: `vestibule dev` with its own PostgreSQL, on a port that the system picks.

import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PROGRAM = process.env.VESTIBULE_PROGRAM ?? join(ROOT, 'target/debug/vestibule');

/**
 * Starts a service.
 * @param {Record<string, string>} [settings] without their prefix
 */
export async function startService(settings = {}) {
  const place = await mkdtemp(join(tmpdir(), 'vestibule-web-'));
  const environment = { VESTIBULE_DATA_DIR: place, VESTIBULE_LISTEN: '127.0.0.1:0', VESTIBULE_BCRYPT_COST: '4' };
  for (const [name, value] of Object.entries(settings)) environment[`VESTIBULE_${name}`] = value;
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...environment };
  const child = spawn(PROGRAM, ['dev'], { cwd: place, env, stdio: ['ignore', 'inherit', 'pipe'] });
  const said = [];
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      said.push(line);
      const entry = line.startsWith('{') ? JSON.parse(line) : {};
      if (entry.message?.startsWith('listening')) resolve(entry.public_url);
    });
    ended.then((status) => reject(new Error(`the service ended with ${status}:\n${said.join('\n')}`)));
  });
  // It listens before its database is ready.
  while (!(await fetch(`${url}/health/ready`)).ok) await setTimeout(100);
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(place, { recursive: true, force: true });
  };
  // Hashing that cheap is for `dev` only.
  const { VESTIBULE_BCRYPT_COST: _, ...operators } = env;
  const run = promisify(execFile);
  const sql = async (statement) => {
    // The fifth line of the server's file is the directory of its socket.
    const socket = (await readFile(join(place, 'postgres/postmaster.pid'), 'utf8')).split('\n')[4];
    await run('psql', ['-h', socket, '-U', 'vestibule', '-d', 'vestibule', '-qc', statement], { cwd: place });
  };
  return new Service(url, stop, (words) => run(PROGRAM, words, { cwd: place, env: operators }), sql);
}

class Service {
  /**
   * @param {string} url
   * @param {() => Promise<void>} stop
   * @param {(words: string[]) => Promise<unknown>} operate runs a command of the program beside the service
   * @param {(statement: string) => Promise<void>} sql runs a statement in its database
   */
  constructor(url, stop, operate, sql) {
    this.url = url;
    this.stop = stop;
    this.operate = operate;
    this.sql = sql;
  }

  /** Returns the URL of a page. */
  page(name = '') {
    return `${this.url}/account/${name}`;
  }

  async call(method, path, body, token) {
    const answer = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(body && { 'Content-Type': 'application/json' }),
        ...(token && { Authorization: `Bearer ${token}` }),
      },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text && JSON.parse(text);
  }

  /** Returns the newest message of a kind to an address or number; waits until there is one. */
  async message(to, kind) {
    let found = [];
    for (let tries = 0; found.length === 0; tries += 1) {
      const all = await this.call('GET', `/dev/outbox?to=${encodeURIComponent(to)}`);
      found = all.filter((message) => message.kind === kind);
      if (tries > 50) throw new Error(`no ${kind} to ${to}, but ${all.map((message) => message.kind)}`);
      if (found.length === 0) await setTimeout(100);
    }
    return found.reduce((one, other) => (other.created_at >= one.created_at ? other : one));
  }

  /** Advances the service's clock. */
  async advance(seconds) {
    await this.call('POST', '/dev/clock', { advance: seconds });
  }

  /** Returns the service's time, in seconds. */
  async now() {
    const { now } = await this.call('GET', '/dev/clock');
    return Date.parse(now) / 1000;
  }
}
