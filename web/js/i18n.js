/**
 * The texts of the pages, in the user's language.
 *
 * The language is the one that the user chose here, or else the first of the browser's languages that there is. Only its
 * texts are loaded. All languages have the same keys; a test checks it.
 */

/** The languages, each under its name in that language. Each has a file in texts/. */
export const LANGUAGES = { en: 'English', de: 'Deutsch', fr: 'Français', es: 'Español' };

/** @typedef {keyof typeof LANGUAGES} Language */

const CHOICE = 'vestibule.language';

/** @type {Language} */
let current = 'en';
/** The texts of the current language. @type {Record<string, string>} */
let texts = {};
/** Loads the further texts of a language. @type {(tag: Language) => Promise<{default: Record<string, string>}>} */
let further = async () => ({ default: {} });
await use(preferred());

/** Adds the texts of other pages to those of the account pages. @param {typeof further} load */
export async function extend(load) {
  further = load;
  await use(current);
}

/** @returns {Language} */
export function language() {
  return current;
}

/** Changes the language and stores it in this browser. @param {Language} chosen */
export async function choose(chosen) {
  // First, so that a user who leaves the page meanwhile has the choice on the next one.
  localStorage.setItem(CHOICE, chosen);
  await use(chosen);
}

/**
 * Changes the language to the first that there is, for this visit and unless the user has chosen one. Returns whether it
 * changed.
 * @param {string[]} tags
 */
export async function suggest(tags) {
  const found = localStorage.getItem(CHOICE) === null ? known(tags) : undefined;
  if (!found || found === current) return false;
  await use(found);
  return true;
}

/** Loads the texts of a language. If that fails, the page keeps the one that it has. @param {Language} tag */
async function use(tag) {
  const [own, more] = await Promise.all([import(`./texts/${tag}.js`), further(tag)]);
  texts = { ...own.default, ...more.default };
  current = tag;
}

/**
 * Returns a text with values in its placeholders.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  const text = texts[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (place, name) => String(values[name] ?? place));
}

/** Removes soft hyphens, where no page shows a text: in titles and files. @param {string} text */
export function plainText(text) {
  return text.replaceAll('\u00AD', '');
}

/** Returns whether there is a text. @param {string} key */
export function has(key) {
  return Object.hasOwn(texts, key);
}

/**
 * Returns the form of a text that fits a number, by the rules of the language: `key.one` or `key.other`. French uses the
 * first for 0 too. Other forms, such as that for millions, read like `key.other`.
 * @param {string} key
 * @param {number} count
 */
export function plural(key, count) {
  const form = new Intl.PluralRules(current).select(count) === 'one' ? 'one' : 'other';
  return t(`${key}.${form}`, { count: new Intl.NumberFormat(current).format(count) });
}

/** Formats a number. @param {number} count */
export function number(count) {
  return new Intl.NumberFormat(region()).format(count);
}

/** Formats a list of words: "one, two and three". @param {string[]} words */
export function list(words) {
  return new Intl.ListFormat(current).format(words);
}

/** Formats a time. @param {string | number | null | undefined} moment RFC 3339, or milliseconds */
export function moment(moment) {
  if (moment === null || moment === undefined) return '–';
  return new Intl.DateTimeFormat(region(), { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(moment));
}

/** Formats the time of a day. @param {string | number} moment RFC 3339, or milliseconds */
export function clock(moment) {
  return new Intl.DateTimeFormat(region(), { timeStyle: 'short' }).format(new Date(moment));
}

/** Formats a day. @param {string} moment RFC 3339 */
export function day(moment) {
  return new Intl.DateTimeFormat(region(), { dateStyle: 'medium' }).format(new Date(moment));
}

/** Formats the hour that begins at a time: "Mon 9 PM" or "Mon 21:00". @param {string} moment RFC 3339 */
export function hourOfStep(moment) {
  const { hour12 } = new Intl.DateTimeFormat(region(), { hour: 'numeric' }).resolvedOptions();
  /** @type {Intl.DateTimeFormatOptions} */
  const style = { weekday: 'short', hour: 'numeric', ...(!hour12 && { minute: '2-digit' }) };
  return new Intl.DateTimeFormat(region(), style).format(new Date(moment));
}

/** Formats a day of UTC. @param {string} moment RFC 3339 */
export function dayOfStep(moment) {
  const style = /** @type {const} */ ({ weekday: 'short', day: 'numeric', month: 'short', timeZone: 'UTC' });
  return new Intl.DateTimeFormat(region(), style).format(new Date(moment));
}

/** Returns what the language of a user is called. @param {string} tag */
export function languageName(tag) {
  return new Intl.DisplayNames(current, { type: 'language' }).of(tag) ?? tag;
}

/** The language with the user's region, if the browser has one: it decides how dates are written. */
function region() {
  return navigator.languages.find((tag) => tag.split('-')[0].toLowerCase() === current) ?? current;
}

/** Formats a duration by its largest unit and the next one: "2 minutes 5 seconds". @param {number} seconds */
export function duration(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  /** @type {[number, string][]} */
  const units = [
    [Math.floor(whole / 86_400), 'day'],
    [Math.floor((whole % 86_400) / 3600), 'hour'],
    [Math.floor((whole % 3600) / 60), 'minute'],
    [whole % 60, 'second'],
  ];
  const largest = units.findIndex(([count]) => count > 0);
  const shown = units.slice(largest, largest + 2).filter(([count]) => count > 0);
  return (largest < 0 ? units.slice(-1) : shown)
    .map(([count, unit]) => new Intl.NumberFormat(current, { style: 'unit', unit, unitDisplay: 'long' }).format(count))
    .join(' ');
}

/** @returns {Language} */
function preferred() {
  return known([localStorage.getItem(CHOICE), ...navigator.languages]) ?? 'en';
}

/** @param {(string | null)[]} tags @returns {Language | undefined} */
function known(tags) {
  const languages = tags.map((tag) => tag?.split('-')[0].toLowerCase());
  const found = languages.find((tag) => tag !== undefined && Object.hasOwn(LANGUAGES, tag));
  return /** @type {Language | undefined} */ (found);
}
