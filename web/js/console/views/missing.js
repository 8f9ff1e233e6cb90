/** Says that the console has no page at an address. The service serves it for every path below the console. */

import { h } from '../../dom.js';
import { t } from '../../i18n.js';
import { current } from '../../session.js';
import { card, links } from '../../views/parts.js';
import { admission } from '../admin.js';

export async function missing() {
  if (current()) await admission();
  return card(t('missing.title'), h('p', {}, t('nothing.page')), links(['', t('nothing.to_overview')]));
}
