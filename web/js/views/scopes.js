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

/**
 * What an application asks the user for.
 * @param {string} name of the application
 * @param {string[]} scopes
 */
export function wish(name, scopes) {
  if (scopes.length === 0) return h('p', {}, t('authorize.asks_nothing', { name }));
  return [h('p', {}, t('authorize.asks', { name })), scopeList(scopes)];
}
