/**
 * The entry point: restores the session, then shows the page of the URL.
 */

import { Problem } from './api.js';
import { fill, h } from './dom.js';
import { frame } from './frame.js';
import { language, t } from './i18n.js';
import { forget, load, save } from './storage.js';
import { PAGES } from './pages.js';
import { problemText } from './problems.js';
import { again, follow, go, here, onNavigation } from './router.js';
import { current, onChange, restore } from './session.js';

const main = /** @type {HTMLElement} */ (document.getElementById('main'));
/** Stops the timers of the page that is shown, such as a countdown. */
let leaving = new AbortController();
let first = true;
/** The name of the page that is shown. @type {string | undefined} */
let shown;
/** Shown once, on top of the next page. @type {string | undefined} */
let notice;

async function show() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  // A question of the page before, such as one after whose beginning another tab signed out.
  document.querySelector('dialog')?.close();
  const name = here();
  const page = PAGES[name];
  if (!page) return go('', { replace: true });
  if (page.who === 'in' && !current()) {
    save('next', name);
    return go('login', { replace: true });
  }
  if (page.who === 'out' && current()) {
    const next = load('next') ?? '';
    forget('next');
    return go(next, { replace: true });
  }
  document.documentElement.lang = language();
  document.title = t('title', { page: t(page.title) });
  frame(name);
  const content = await view(page, signal);
  if (signal.aborted) return;
  fill(main, notice && h('p', { class: 'notice warn narrow', role: 'status' }, notice), content);
  notice = undefined;
  // Screen readers announce the heading that gets the focus, as they announce the title of a new document.
  if (!first) main.querySelector('h1')?.focus({ preventScroll: true });
  else main.querySelector(/** @type {'input'} */ ('[data-focus]'))?.focus();
  // The scroll position is only preserved if the same page is shown again.
  if (!first && name !== shown) scrollTo(0, 0);
  first = false;
  shown = name;
}

/** @param {import('./pages.js').Page} page @param {AbortSignal} signal @returns {Promise<Node>} */
async function view(page, signal) {
  try {
    return await page.view({ signal });
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return trouble(problem);
  }
}

/** @param {Problem} problem */
function trouble(problem) {
  return h(
    'div',
    { class: 'card narrow' },
    h('h1', { tabindex: -1 }, t('trouble.title')),
    h('p', {}, problemText(problem)),
    h('button', { type: 'button', class: 'primary', on: { click: start } }, t('try_again')),
  );
}

async function start() {
  try {
    if (!current()) await restore();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    document.documentElement.lang = language();
    fill(main, trouble(problem));
    return;
  }
  await show();
}

onNavigation(show);
document.addEventListener('click', follow);
onChange((change) => {
  if (change === 'ended') notice = t('session.ended');
  // After a sign-out the page is not stored as the next one: another user may sign in here next.
  if (change === 'out' && PAGES[here()]?.who === 'in') return go('login', { replace: true });
  // After a sign-in in another tab, a page that needs no sign-in stays: it may contain unfinished input.
  if (change !== 'in' || PAGES[here()]?.who === 'out') again();
});
await start();
