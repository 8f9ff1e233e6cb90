// The texts of the pages, for tests that read them in any language.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { ROOT } from './libraries.mjs';

const DIRECTORY = join(ROOT, 'web/js/texts');

/** The tags of the languages. */
export const LANGUAGES = readdirSync(DIRECTORY).map((name) => name.replace('.js', ''));

/**
 * Returns the function that reads the texts of a language, as `t` in web/js/i18n.js does. The files are modules for
 * browsers, which Node reads as data.
 * @param {string} language
 * @returns {Promise<(key: string, values?: Record<string, any>) => string>}
 */
export async function textsIn(language) {
  const source = readFileSync(join(DIRECTORY, `${language}.js`));
  const { default: texts } = await import(`data:text/javascript;base64,${source.toString('base64')}`);
  return (key, values = {}) => {
    if (!Object.hasOwn(texts, key)) throw new Error(`${language} has no text ${key}`);
    return texts[key].replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
  };
}
