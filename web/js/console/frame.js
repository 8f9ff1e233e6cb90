/**
 * The frame of the console: the bar, and the navigation beside the page.
 */

import { showBar } from '../bar.js';
import { fill, h } from '../dom.js';
import { t } from '../i18n.js';
import { href } from '../router.js';
import { current } from '../session.js';
import { PAGES, pageOf } from './pages.js';

const side = h('nav', { id: 'side', class: 'side' });
// The document is that of the account pages, which have no navigation beside the page.
const main = /** @type {HTMLElement} */ (document.getElementById('main'));
const both = h('div', { class: 'with-side' });
main.replaceWith(both);
both.append(side, main);
document.body.classList.add('wide');

/** Shows the frame of a page. @param {string} name */
export function frame(name) {
  const account = h('a', { class: 'button plain', href: href('../account/') }, t('console.account'));
  showBar({ area: t('console.name'), inside: current() && account, login: '../account/login' });
  // A refusal hides it.
  side.hidden = !current();
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
