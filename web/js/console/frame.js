/**
 * The frame of the console: the bar, and the navigation beside the page.
 */

import { showBar } from '../bar.js';
import { fill, h } from '../dom.js';
import { t } from '../i18n.js';
import { href } from '../router.js';
import { PAGES, pageOf } from './pages.js';

/** Shows the frame of a page. @param {string} name */
export function frame(name) {
  const account = h('a', { class: 'button plain', href: href('../account/') }, t('console.account'));
  showBar({ area: t('console.name'), inside: account, login: '../account/login' });
  const side = /** @type {HTMLElement} */ (document.getElementById('side'));
  // A refusal hides it.
  side.hidden = false;
  const shown = pageOf(name).under ?? name;
  const entries = Object.entries(PAGES).filter(([, page]) => page.tab);
  const isShown = (/** @type {string} */ tab) => (tab === shown ? (tab === name ? 'page' : 'true') : undefined);
  fill(
    side,
    h(
      'ul',
      {},
      entries.map(([tab, { title }]) =>
        h('li', {}, h('a', { href: href(tab), 'aria-current': isShown(tab) }, t(title))),
      ),
    ),
  );
  side.setAttribute('aria-label', t('console.navigation'));
}
