/**
 * The entry point of the account pages.
 */

import { frame } from './frame.js';
import { announce } from './notice.js';
import { pageOf } from './pages.js';
import { again, go, here } from './router.js';
import { current, onChange } from './session.js';
import { run } from './shell.js';
import { forget, load, save } from './storage.js';
import { reminder } from './views/reminder.js';

/** @param {string} name @param {import('./pages.js').Page} page */
function admit(name, page) {
  if (page.who === 'in' && !current()) {
    save('next', name);
    go('login', { replace: true });
    return false;
  }
  if (page.who === 'out' && current()) {
    const next = load('next') ?? '';
    forget('next');
    go(next, { replace: true });
    return false;
  }
  return true;
}

onChange((change) => {
  if (change === 'ended') announce('session.ended', 'warn');
  if (change === 'out') announce('signed_out.notice', 'good');
  // After a sign-out the page is not stored as the next one: another user may sign in here next.
  if (change === 'out' && pageOf(here()).who === 'in') return go('login', { replace: true });
  // After a sign-in in another tab, a page that needs no sign-in stays: it may contain unfinished input.
  if (change !== 'in' || pageOf(here()).who === 'out') again();
});
await run({ pageOf, title: 'title', frame, admit, above: (name, page) => !page.alone && reminder(name) });
