/** What applications may do, in the words of users. */

import { h } from '../dom.js';
import { has, t } from '../i18n.js';

/** @param {string[]} scopes */
export function scopeList(scopes) {
  return h(
    'ul',
    { class: 'points' },
    scopes.map((scope) => h('li', {}, has(`scope.${scope}`) ? t(`scope.${scope}`) : t('other_scope', { scope }))),
  );
}
