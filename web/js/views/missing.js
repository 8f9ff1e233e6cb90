/** Says that there is no page at an address. The service serves it for every path that it does not know. */

import { hasConsole } from '../deployment.js';
import { h } from '../dom.js';
import { t } from '../i18n.js';
import { here, href } from '../router.js';
import { current } from '../session.js';
import { card, links } from './parts.js';

const CONSOLE = '../console/';

export function missing() {
  const home = current() ? t('profile.title') : t('login.title');
  // The service serves it below the console, too.
  const isConsole = hasConsole() && here().startsWith(href(CONSOLE));
  const way = isConsole ? [CONSOLE, t('profile.console')] : ['', home];
  return card(t('missing.title'), h('p', {}, t('missing.how')), links(/** @type {[string, string]} */ (way)));
}
