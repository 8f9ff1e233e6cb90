/**
 * The frame of the account pages: the bar with the navigation.
 */

import { showBar } from './bar.js';
import { isForDevelopers } from './deployment.js';
import { h } from './dom.js';
import { t } from './i18n.js';
import { PAGES, pageOf } from './pages.js';
import { href } from './router.js';
import { current } from './session.js';

/** Shows the frame of a page. @param {string} name */
export function frame(name) {
  const withNavigation = current() && !pageOf(name).alone;
  showBar({ inside: withNavigation && tabs(name), login: 'login' });
}

/** @param {string} name */
function tabs(name) {
  // The page of a new authenticator is reached from the security page, so that tab is highlighted.
  const shown = name === 'authenticator' ? 'security' : name;
  const entries = Object.entries(PAGES).filter(([, page]) => page.tab && (!page.developers || isForDevelopers()));
  return h(
    'nav',
    { 'aria-label': t('navigation') },
    h(
      'ul',
      { class: 'tabs' },
      entries.map(([tab, { title }]) =>
        h('li', {}, h('a', { href: href(tab), 'aria-current': tab === shown ? 'page' : undefined }, t(title))),
      ),
    ),
  );
}
