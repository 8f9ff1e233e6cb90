/**
 * The start: finds out who is signed in, then shows the page of the address.
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
/** Ends what the page that is shown has going, such as its countdown. */
let leaving = new AbortController();
let first = true;
/** The name of the page that is shown. @type {string | undefined} */
let shown;
/** Said once, on top of the next page. @type {string | undefined} */
let notice;

async function show() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
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
  // A new page is announced by its heading, as a browser announces a new document by its title.
  if (!first) main.querySelector('h1')?.focus({ preventScroll: true });
  else main.querySelector(/** @type {'input'} */ ('[data-focus]'))?.focus();
  // Only a page that was there already is left where it was scrolled to.
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
  // Whoever signs out wants to go nowhere; the next to sign in here may be somebody else.
  if (change === 'out' && PAGES[here()]?.who === 'in') return go('login', { replace: true });
  // A page with something half done is not taken away from whoever signed in elsewhere.
  if (change !== 'in' || PAGES[here()]?.who === 'out') again();
});
await start();
