/**
 * Shows the page of the URL: what the account pages and the console do alike.
 */

import { Problem } from './api.js';
import { fill, h } from './dom.js';
import { language, t } from './i18n.js';
import { problemText } from './problems.js';
import { follow, here, onNavigation } from './router.js';
import { current, restore } from './session.js';

/**
 * @typedef {object} Pages
 * @property {Record<string, import('./pages.js').Page>} pages by the last part of their URL
 * @property {string} title the key of the title of the window
 * @property {(name: string) => void} frame shows the frame of a page
 * @property {(name: string, page: import('./pages.js').Page | undefined) => page is import('./pages.js').Page} admit
 *   returns whether the user may see a page; if not, it has led them elsewhere
 * @property {(problem: Problem) => Node | undefined | Promise<Node | undefined>} [explain] returns a better page for a
 *   problem than its text
 */

const main = /** @type {HTMLElement} */ (document.getElementById('main'));
/** Stops the timers of the page that is shown, such as a countdown. */
let leaving = new AbortController();
let first = true;
/** The name of the page that is shown. @type {string | undefined} */
let shown;
/** Shown once, on top of the next page. @type {Node | undefined} */
let notice;

/** Says something on top of the next page. @param {string} text @param {'warn' | 'good'} [kind] */
export function tell(text, kind = 'warn') {
  notice = h('p', { class: `notice ${kind} narrow`, role: 'status' }, text);
}

/** Restores the session, then shows the page of the URL, and from then on that of each URL. @param {Pages} what */
export async function run(what) {
  onNavigation(() => show(what));
  document.addEventListener('click', follow);
  await start(what);
}

/** @param {Pages} what */
async function start(what) {
  try {
    if (!current()) await restore();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    document.documentElement.lang = language();
    fill(main, trouble(what, problem));
    return;
  }
  await show(what);
}

/** @param {Pages} what */
async function show(what) {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  // A question of the page before, such as one after whose beginning another tab signed out.
  for (const dialog of document.querySelectorAll('dialog')) dialog.close();
  const name = here();
  const page = what.pages[name];
  if (!what.admit(name, page)) return;
  document.documentElement.lang = language();
  document.title = t(what.title, { page: t(page.title) });
  what.frame(name);
  const content = await view(what, page, signal);
  if (signal.aborted) return;
  fill(main, notice, content);
  notice = undefined;
  // Screen readers announce the heading that gets the focus, as they announce the title of a new document.
  if (!first) main.querySelector('h1')?.focus({ preventScroll: true });
  else main.querySelector(/** @type {'input'} */ ('[data-focus]'))?.focus();
  // The scroll position is only preserved if the same page is shown again.
  if (!first && name !== shown) scrollTo(0, 0);
  first = false;
  shown = name;
}

/** @param {Pages} what @param {import('./pages.js').Page} page @param {AbortSignal} signal @returns {Promise<Node>} */
async function view(what, page, signal) {
  try {
    return await page.view({ signal });
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return (await what.explain?.(problem)) ?? trouble(what, problem);
  }
}

/** @param {Pages} what @param {Problem} problem */
function trouble(what, problem) {
  return h(
    'div',
    { class: 'card narrow' },
    h('h1', { tabindex: -1 }, t('trouble.title')),
    h('p', {}, problemText(problem)),
    h('button', { type: 'button', class: 'primary', on: { click: () => start(what) } }, t('try_again')),
  );
}
