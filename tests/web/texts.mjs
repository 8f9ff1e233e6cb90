// The texts of the pages, for tests that read them in any language.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { ROOT } from './libraries.mjs';

const DIRECTORY = join(ROOT, 'web/js/texts');

/** The tags of the languages. */
export const LANGUAGES = readdirSync(DIRECTORY).map((name) => name.replace('.js', ''));

/**
 * Returns the function that reads the texts of a language, as `t` in web/js/i18n.js does.
 * @param {string} language
 * @param {string[]} [directories] of the texts; later ones replace those before
 * @returns {Promise<(key: string, values?: Record<string, any>) => string>}
 */
export async function textsIn(language, directories = [DIRECTORY]) {
  const all = await Promise.all(directories.map((directory) => read(join(directory, `${language}.js`))));
  const texts = Object.assign({}, ...all);
  return (key, values = {}) => {
    if (!Object.hasOwn(texts, key)) throw new Error(`${language} has no text ${key}`);
    return texts[key].replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
  };
}

/** Returns the same for the console, which also has the texts of the account pages. @param {string} language */
export function consoleTextsIn(language) {
  return textsIn(language, [DIRECTORY, join(ROOT, 'web/js/console/texts')]);
}

/** Reads a file of texts: a module for browsers, which Node reads as data. @param {string} path */
async function read(path) {
  const source = readFileSync(path);
  return (await import(`data:text/javascript;base64,${source.toString('base64')}`)).default;
}
