/**
 * The entry point of the account pages.
 */

import { frame } from './frame.js';
import { t } from './i18n.js';
import { forget, load, save } from './storage.js';
import { PAGES } from './pages.js';
import { again, go, here } from './router.js';
import { current, onChange } from './session.js';
import { run, tell } from './shell.js';

/**
 * @param {string} name @param {import('./pages.js').Page | undefined} page
 * @returns {page is import('./pages.js').Page}
 */
function admit(name, page) {
  if (page?.who === 'in' && !current()) {
    save('next', name);
    go('login', { replace: true });
    return false;
  }
  if (page?.who === 'out' && current()) {
    const next = load('next') ?? '';
    forget('next');
    go(next, { replace: true });
    return false;
  }
  if (!page) go('', { replace: true });
  return page !== undefined;
}

onChange((change) => {
  if (change === 'ended') tell(t('session.ended'));
  // After a sign-out the page is not stored as the next one: another user may sign in here next.
  if (change === 'out' && PAGES[here()]?.who === 'in') return go('login', { replace: true });
  // After a sign-in in another tab, a page that needs no sign-in stays: it may contain unfinished input.
  if (change !== 'in' || PAGES[here()]?.who === 'out') again();
});
await run({ pages: PAGES, title: 'title', frame, admit });
