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
 * @param {string} [resource] where its access tokens are good
 */
export function wish(name, scopes, resource) {
  return [
    h('p', {}, t(scopes.length > 0 ? 'authorize.asks' : 'authorize.asks_nothing', { name })),
    scopes.length > 0 && scopeList(scopes),
    resource && h('p', {}, t('authorize.resource', { resource })),
  ];
}
