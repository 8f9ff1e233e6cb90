// Every state of the pages in every language, on a narrow screen and with large text: nothing is cut off or wider than
// the screen, no word is broken at its hyphen, and every text is in the language.

import assert from 'node:assert/strict';

import { environment } from './environment.mjs';
import { walk } from './gallery.mjs';
import { LANGUAGES, textsIn } from './texts.mjs';

// Browsers offer passkeys for names, not for addresses.
const story = environment({ LISTEN: 'localhost:0' });

/** Finds what is wider than its place. @param {any} person */
function tooWide(person) {
  return person.page.evaluate(() => {
    const wide = [...document.querySelectorAll('body *')].filter((element) => {
      const { overflowX } = getComputedStyle(element);
      const { right } = element.getBoundingClientRect();
      // A field scrolls what is typed into it.
      if (!element.checkVisibility() || element.closest('.visually-hidden, .skip, input, select')) return false;
      return right > innerWidth + 1 || (overflowX !== 'auto' && element.scrollWidth > element.clientWidth + 1);
    });
    // Elements in a line of text have no width of their own.
    const found = wide.filter((element) => getComputedStyle(element).display !== 'inline');
    const { scrollWidth } = document.documentElement;
    return [...found.map((element) => element.outerHTML.slice(0, 200)), ...(scrollWidth > innerWidth ? ['the page'] : [])];
  });
}

/** Finds "e-mail" in two lines: browsers break after any hyphen. @param {any} person */
function brokenWords(person) {
  return person.page.evaluate(() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const broken = [];
    while (texts.nextNode()) {
      const text = /** @type {Text} */ (texts.currentNode);
      if (!text.parentElement?.checkVisibility()) continue;
      for (const { index } of text.data.matchAll(/\be-mail/gi)) {
        const word = document.createRange();
        word.setStart(text, index);
        word.setEnd(text, index + 6);
        const lines = new Set([...word.getClientRects()].map(({ top }) => Math.round(top)));
        if (lines.size > 1) broken.push(text.data);
      }
    }
    return broken;
  });
}

/** Returns keys that have no text, which the pages show as they are. @param {any} person */
async function keysShown(person) {
  const shown = await person.page.locator('body').innerText();
  return shown.match(/\b(event|claim|header|factor|problem|device|field|\w+_\w+)\.[a-z_]+/g) ?? [];
}

for (const language of LANGUAGES) {
  story(
    `the pages fit a narrow screen, and large text, in ${language}`,
    async (person) => {
      const t = await textsIn(language);
      const cdp = await person.context.newCDPSession(person.page);
      const faults = [];
      let pages = 0;
      await walk(person, t, async (name) => {
        pages += 1;
        faults.push(...(await keysShown(person)).map((key) => `${name}: ${key} has no text`));
        for (const standard of [16, 32]) {
          await cdp.send('Page.setFontSizes', { fontSizes: { standard } });
          faults.push(...(await tooWide(person)).map((element) => `${name}, text of ${standard} pixels: ${element}`));
          faults.push(...(await brokenWords(person)).map((text) => `${name}, text of ${standard} pixels: ${text}`));
        }
        await cdp.send('Page.setFontSizes', { fontSizes: { standard: 16 } });
      });
      assert.deepEqual(faults, []);
      assert.ok(pages > 30, `${pages} pages`);
    },
    { viewport: { width: 320, height: 640 }, locale: language },
  );
}
