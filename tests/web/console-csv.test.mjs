// The file of the trail: no spreadsheet computes what a client wrote, whatever separator it splits the file at.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { ROOT } from './libraries.mjs';

// A module for browsers, which Node reads as data.
const source = readFileSync(join(ROOT, 'web/js/console/csv.js'));
const { csv } = await import(`data:text/javascript;base64,${source.toString('base64')}`);

/** Returns the line of one cell. */
const line = (value) => csv([{ value }]).split('\r\n').slice(1).join('\r\n').slice(0, -2);

test('a text that begins like a formula gets a quote in front', () => {
  for (const sign of ['=', '+', '-', '@', '＝', '＋', '－', '＠']) {
    assert.equal(line(`${sign}1+1`), `"'${sign}1+1"`);
    assert.equal(line(` ${sign}1+1`), `" '${sign}1+1"`);
  }
  assert.equal(line('=HYPERLINK("x")'), `"'=HYPERLINK(""x"")"`);
});

test('no part of a text begins like a formula, wherever a spreadsheet splits it', () => {
  for (const separator of [',', ';', '|', '\t', '\r', '\n', '\r\n']) {
    for (const between of ['', ' ', '"', ' " ']) {
      const written = line(`a${separator}${between}=1+1${separator}${between}@x`);
      const parts = written.split(/[,;|\t\r\n]/).map((part) => part.replace(/^[\s"]+/, ''));
      assert.ok(parts.includes("'=1+1"), written);
      assert.ok(!parts.some((part) => /^[=+\-@]/.test(part)), written);
    }
  }
});

test('what is not plain is quoted, and the rest stays as it is', () => {
  assert.equal(line('a;b'), '"a;b"');
  assert.equal(line('a\tb'), '"a\tb"');
  assert.equal(line('say "x"'), '"say ""x"""');
  assert.equal(line({ a: 1 }), '"{""a"":1}"');
  for (const plain of ['2027-01-02T03:04:05Z', 'jo@example.com', '', '203.0.113.9', 'a - b']) {
    assert.equal(line(plain), plain);
  }
});

test('the columns are the names of all objects', () => {
  assert.equal(csv([{ a: 1 }, { b: null, c: true }]), '\uFEFFa,b,c\r\n1,,\r\n,,true\r\n');
});
