/** All accounts: search, and what leads to each. */

import { h } from '../../dom.js';
import { t } from '../../i18n.js';
import { go } from '../../router.js';
import { link } from '../../views/parts.js';
import { read } from '../admin.js';
import { choice, searchField } from '../fields.js';
import { filters } from '../filters.js';
import { badge, leading, onDay, page, pagedTable } from '../parts.js';

export async function users() {
  const given = new URLSearchParams(location.search);
  const [query, role, state] = ['query', 'role', 'state'].map((name) => given.get(name) ?? '');
  const search = searchField({ name: 'query', label: t('users.search'), hint: t('users.search_hint'), value: query });
  const roles = choice({
    name: 'role',
    label: t('users.role'),
    value: role,
    choices: [
      ['', t('users.all')],
      ['admin', t('users.administrators')],
    ],
  });
  const inState = choice({
    name: 'state',
    label: t('users.state'),
    value: state,
    choices: [
      ['', t('users.any_state')],
      ['disabled', t('user.disabled')],
      ['password_disabled', t('user.password_disabled')],
      ['codes_disabled', t('user.codes_disabled')],
      ['unverified', t('users.unverified')],
    ],
  });
  return page(
    t('users.title'),
    { actions: leading('invite', t('users.invite'), { primary: true }) },
    filters([search, roles, inState], (values) => {
      const wanted = Object.entries(values).filter(([, value]) => value);
      go(wanted.length > 0 ? `users?${new URLSearchParams(wanted)}` : 'users');
    }),
    await pagedTable({
      caption: t('users.title'),
      heads: [t('users.account'), t('users.state'), t('users.roles'), t('users.factors'), t('users.since')],
      cells,
      load: (cursor) => read('users', { query, role, state, cursor }),
      none: t(query || role || state ? 'users.not_found' : 'users.none'),
    }),
  );
}

/** @param {any} user */
function cells(user) {
  return [
    link(`user?id=${user.id}`, nameOf(user)),
    states(user),
    user.roles.join(', ') || '–',
    factorNames(user.two_factor) || t('users.no_factor'),
    onDay(user.created_at),
  ];
}

/** What an account is called. @param {any} user @returns {string} */
export function nameOf(user) {
  return user.email ?? user.username ?? user.id;
}

/** What is special about an account. @param {any} user */
export function states(user) {
  const found = [
    user.disabled && badge('bad', t('user.disabled')),
    user.password_disabled_at && badge('bad', t('user.password_disabled')),
    user.codes_disabled_at && badge('bad', t('user.codes_disabled')),
    user.password_refused_to_strangers && badge('warn', t('user.password_refused')),
    user.codes_refused_to_strangers && badge('warn', t('user.codes_refused')),
    user.email && !user.email_verified && badge('warn', t('email.unverified')),
  ].filter(Boolean);
  return h('span', { class: 'row' }, found.length > 0 ? found : badge('good', t('user.fine')));
}

/** @param {any} factors */
export function factorNames(factors) {
  const kinds = ['passkey', 'totp', 'email', 'phone'].filter((kind) => factors[kind]);
  return kinds.map((kind) => t(`user.factor.${kind}`)).join(', ');
}
