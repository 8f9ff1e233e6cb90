// Work that several requests wait for: once, for a bounded time, and again if it is lost.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { moduleOf } from './package.mjs';

const { SharedWork } = await moduleOf('shared-work');

test('work that ends is waited for, and may begin again', async () => {
  const shared = new SharedWork(10_000);
  await shared.wait();
  let end;
  const order = [];
  shared.begin(() => new Promise((resolve) => (end = resolve)));
  const waiting = shared.wait().then(() => order.push('waited'));
  assert.equal(shared.isUnderWay, true);
  order.push('ends');
  end();
  await waiting;
  assert.deepEqual(order, ['ends', 'waited']);
  assert.equal(shared.isUnderWay, false);
});

test('work without an end is lost after its time, and later work is not', async () => {
  const shared = new SharedWork(50);
  let end;
  shared.begin(() => new Promise((resolve) => (end = resolve)));
  const begun = performance.now();
  await shared.wait();
  assert.ok(performance.now() - begun < 1000);
  assert.equal(shared.isUnderWay, false);
  shared.begin(() => new Promise(() => {}));
  // The end of the lost work comes too late to count.
  end();
  await Promise.resolve();
  assert.equal(shared.isUnderWay, true);
});
