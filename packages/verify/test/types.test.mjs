// The code of the documentation fits the types of the packed package, under the strictest settings of TypeScript.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { PLACE, ROOT } from './package.mjs';

const WORK = `${PLACE}/installed/types`;
const PAGES = ['packages/verify/README.md', 'docs/FRAMEWORKS.md'];

/** Uses that must not compile: each would be a mistake. */
const MISTAKES = [
  `signedIn({ roles: 'editor' })`,
  `signedIn({ acr: 'aal3' })`,
  `signedIn({ kind: 'admin' })`,
  `createVerifier({})`,
  `createVerifier({ issuer: 'x', algorithms: ['HS256'] })`,
  `createVerifier<{ plan: string }>({ issuer: 'x' }).check(new Request('x')).then(({ app }) => app.plan.length)`,
];

async function compile(files) {
  await rm(WORK, { recursive: true, force: true });
  for (const [name, code] of Object.entries(files)) {
    await mkdir(dirname(`${WORK}/${name}`), { recursive: true });
    await writeFile(`${WORK}/${name}`, code);
  }
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noEmit: true,
    skipLibCheck: false,
    target: 'es2022',
    module: 'esnext',
    moduleResolution: 'bundler',
    types: ['node'],
  };
  await writeFile(`${WORK}/tsconfig.json`, JSON.stringify({ compilerOptions }));
  const tsc = `${PLACE}/installed/node_modules/typescript/bin/tsc`;
  return promisify(execFile)(process.execPath, [tsc, '--project', WORK]).then(
    () => '',
    ({ stdout, stderr }) => stdout || assert.fail(stderr),
  );
}

test('the code of the pages', async () => {
  const files = {};
  for (const page of PAGES) {
    const text = await readFile(ROOT + page, 'utf8');
    const blocks = [...text.matchAll(/^```[jt]s\n(.*?)^```$/gms)].map(([, code]) => code);
    for (const code of blocks.filter((code) => code.includes('@vestibule/verify') || code.includes('signed-in'))) {
      const name = /^\/\/ (\S+)\.[jt]s\n/.exec(code)?.[1] ?? `block-${Object.keys(files).length}`;
      files[`${name}.ts`] = code
        .replace('/** @param {Request} request */\n', '')
        .replace('(request) {', '(request: Request) {');
    }
  }
  assert.ok(Object.keys(files).length >= 7, Object.keys(files).join(' '));
  assert.equal(await compile(files), '');
});

test('mistakes do not compile', async () => {
  const prelude = `import { createVerifier } from '@vestibule/verify';
import { guard } from '@vestibule/verify/express';
export const signedIn = guard(createVerifier({ issuer: 'https://auth.example.com' }));
`;
  const said = await compile(
    Object.fromEntries(MISTAKES.map((code, index) => [`m${index}.ts`, `${prelude}${code};\n`])),
  );
  MISTAKES.forEach((code, index) => assert.match(said, new RegExp(`m${index}\\.ts\\(4,`), `${code}\n${said}`));
});
