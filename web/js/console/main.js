/**
 * The entry point of the console. Its users sign in on the account pages, whose session it shares.
 */

import { t } from '../i18n.js';
import { again, go } from '../router.js';
import { current, onChange } from '../session.js';
import { run, tell } from '../shell.js';
import { save } from '../storage.js';
import { extend } from '../i18n.js';
import { frame } from './frame.js';
import { PAGES } from './pages.js';
import de from './texts/de.js';
import en from './texts/en.js';
import { refusal } from './views/refusal.js';

/** Where a user signs in. */
const LOGIN = '../account/login';

/**
 * @param {string} name @param {import('../pages.js').Page | undefined} page
 * @returns {page is import('../pages.js').Page}
 */
function admit(name, page) {
  if (!current()) {
    save('next', `../console/${name}${location.search}`);
    go(LOGIN, { replace: true });
    return false;
  }
  if (!page) go('', { replace: true });
  return page !== undefined;
}

extend({ en, de });
onChange((change) => {
  if (change === 'ended') tell(t('session.ended'));
  // After a sign-out the page is not stored as the next one: another user may sign in here next.
  if (change === 'out') go(LOGIN, { replace: true });
  else again();
});
await run({ pages: PAGES, title: 'console.title', frame, admit, explain: refusal });
