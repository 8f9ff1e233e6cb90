/**
 * Shows the page of the URL: what the account pages and the console do alike.
 */

import { Problem } from './api.js';
import { fill, h } from './dom.js';
import { language, plainText, t } from './i18n.js';
import { noticeOn } from './notice.js';
import { problemText } from './problems.js';
import { follow, here, onNavigation } from './router.js';
import { current, restore } from './session.js';

/**
 * @typedef {import('./pages.js').Page} Page
 *
 * @typedef {object} Pages
 * @property {(name: string) => Page} pageOf returns the page of a name, or the one that says that there is none
 * @property {string} title the key of the title of the window
 * @property {(name: string) => void} frame shows the frame of a page
 * @property {(name: string, page: Page) => boolean} admit returns whether the user may see a page; if not, it has led
 *   them elsewhere
 * @property {(name: string, page: Page) => import('./dom.js').Child} [above] what stands above a page
 * @property {(problem: Problem) => Promise<Node | undefined>} [explain] returns a better page for a problem than its text
 */

const main = /** @type {HTMLElement} */ (document.getElementById('main'));
/** Stops the timers of the page that is shown, such as a countdown. */
let leaving = new AbortController();
let first = true;
/** The name of the page that is shown. @type {string | undefined} */
let shown;

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
  const page = what.pageOf(name);
  if (!what.admit(name, page)) return;
  document.documentElement.lang = language();
  entitle(what, t(page.title));
  what.frame(name);
  const notice = noticeOn(name);
  const content = await view(what, page, signal);
  if (signal.aborted) return;
  fill(main, notice, what.above?.(name, page), content);
  if (page.named) entitle(what, main.querySelector('h1')?.textContent ?? '');
  focus(notice !== false);
  // The scroll position is only preserved if the same page is shown again.
  if (!first && name !== shown) scrollTo(0, 0);
  first = false;
  shown = name;
}

/** Sets the title of the window. @param {Pages} what @param {string} title of the page */
function entitle(what, title) {
  document.title = plainText(t(what.title, { page: title }));
}

/**
 * Moves the focus to where the user goes on: a field that asks for it, at the first page or at each time that it is
 * shown; otherwise the heading. Screen readers announce the heading that gets the focus, as they announce the title of
 * a new document, and with it what is said above it.
 * @param {boolean} isSaid whether there is a notice
 */
function focus(isSaid) {
  const field = main.querySelector(/** @type {'input'} */ ('[data-focus]'));
  const heading = main.querySelector('h1');
  if (isSaid) heading?.setAttribute('aria-describedby', 'notice');
  if (field && (first || field.dataset.focus === 'always')) field.focus();
  else if (!first) heading?.focus({ preventScroll: true });
}

/** @param {Pages} what @param {Page} page @param {AbortSignal} signal @returns {Promise<Node>} */
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
