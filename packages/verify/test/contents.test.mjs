// What is in the packed package beside the modules.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { PLACE, ROOT } from './package.mjs';

for (const name of ['LICENSE-MIT', 'LICENSE-APACHE']) {
  test(`the package has the text of ${name}`, async () => {
    const packed = await readFile(`${PLACE}/installed/node_modules/@vestibule/verify/${name}`, 'utf8');
    assert.equal(packed, await readFile(`${ROOT}${name}`, 'utf8'));
  });
}
