// What every page has to be: axe-core finds no violations, nothing is wider than the screen, and buttons are large enough.

import assert from 'node:assert/strict';

import { AXE } from './libraries.mjs';

/**
 * The options of the browser of a user whose pages are inspected. The content security policy blocks axe-core, as it
 * should, so it is off. All other tests run with it.
 */
export const OPEN = { bypassCSP: true };

/** Checks the current page: narrow and light, wide and dark. */
export async function inspect(person, place) {
  for (const [width, colorScheme] of [
    [320, 'light'],
    [1280, 'dark'],
  ]) {
    await person.page.setViewportSize({ width, height: 800 });
    await person.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await person.page.evaluate(AXE);
    const { violations } = await person.page.evaluate(() =>
      globalThis.axe.run(document, { resultTypes: ['violations'] }),
    );
    const found = violations.map(
      ({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map((node) => node.html).join(' | ')}`,
    );
    assert.deepEqual(found, [], `${place}, ${width} pixels, ${colorScheme}`);
    const { inner, scroll, small } = await person.page.evaluate(() => ({
      inner: document.documentElement.clientWidth,
      scroll: document.documentElement.scrollWidth,
      small: [...document.querySelectorAll('button, .links a, .tabs a, select, input:not([type=checkbox])')]
        .filter((element) => element.checkVisibility() && element.getBoundingClientRect().height < 44)
        .map((element) => element.outerHTML),
    }));
    assert.ok(scroll <= inner, `${place} is ${scroll} wide on ${inner} pixels`);
    assert.deepEqual(small, [], `${place}: too small to press`);
  }
}
