/**
 * The entry point: restores the session, then shows the page of the URL.
 */

import { Problem } from './api.js';
import { fill, h } from './dom.js';
import { frame } from './frame.js';
import { language, plainText, t } from './i18n.js';
import { announce, noticeOn } from './notice.js';
import { pageOf } from './pages.js';
import { problemText } from './problems.js';
import { again, follow, go, here, onNavigation } from './router.js';
import { current, onChange, restore } from './session.js';
import { forget, load, save } from './storage.js';
import { reminder } from './views/reminder.js';

const main = /** @type {HTMLElement} */ (document.getElementById('main'));
/** Stops the timers of the page that is shown, such as a countdown. */
let leaving = new AbortController();
let first = true;
/** The name of the page that is shown. @type {string | undefined} */
let shown;

async function show() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  // A question of the page before, such as one after whose beginning another tab signed out.
  document.querySelector('dialog')?.close();
  const name = here();
  const page = pageOf(name);
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
  document.title = plainText(t('title', { page: t(page.title) }));
  frame(name);
  const notice = noticeOn(name);
  const content = await view(page, signal);
  if (signal.aborted) return;
  fill(main, notice, !page.alone && reminder(name), content);
  focus(notice !== false);
  // The scroll position is only preserved if the same page is shown again.
  if (!first && name !== shown) scrollTo(0, 0);
  first = false;
  shown = name;
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
  if (change === 'ended') announce('session.ended', 'warn');
  if (change === 'out') announce('signed_out.notice', 'good');
  // After a sign-out the page is not stored as the next one: another user may sign in here next.
  if (change === 'out' && pageOf(here()).who === 'in') return go('login', { replace: true });
  // After a sign-in in another tab, a page that needs no sign-in stays: it may contain unfinished input.
  if (change !== 'in' || pageOf(here()).who === 'out') again();
});
await start();
