/** Says that there is no page at an address. The service serves it for every path that it does not know. */

import { h } from '../dom.js';
import { t } from '../i18n.js';
import { current } from '../session.js';
import { card, links } from './parts.js';

export function missing() {
  const home = current() ? t('profile.title') : t('login.title');
  return card(t('missing.title'), h('p', {}, t('missing.how')), links(['', home]));
}
