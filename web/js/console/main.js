/**
 * The entry point of the console. Its users sign in on the account pages, whose session it shares.
 */

import { againAsTyped } from '../as-typed.js';
import { extend } from '../i18n.js';
import { announce } from '../notice.js';
import { go, here } from '../router.js';
import { current, onChange } from '../session.js';
import { run } from '../shell.js';
import { save } from '../storage.js';
import { frame } from './frame.js';
import { pageOf } from './pages.js';
import { nothing, refusal } from './views/refusal.js';

/** Where a user signs in. */
const LOGIN = '../account/login';

/** @param {string} name @param {import('./pages.js').Page} page */
function admit(name, page) {
  if (current() || page.who === 'any') return true;
  save('next', `../console/${name}${location.search}`);
  go(LOGIN, { replace: true });
  return false;
}

await extend((tag) => import(`./texts/${tag}.js`));
onChange((change) => {
  if (change === 'ended') announce('session.ended', 'warn');
  // After a sign-out the page is not stored as the next one: another user may sign in here next.
  if (change === 'out') go(LOGIN, { replace: true });
  else againAsTyped();
});

/** @param {import('../api.js').Problem} problem */
const explain = async (problem) => nothing(problem, here(), pageOf(here())) ?? refusal(problem);
await run({ pageOf, title: 'console.title', frame, admit, explain });
