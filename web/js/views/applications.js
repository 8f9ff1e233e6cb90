/** What acts for the user: the applications that they allowed, and their API keys. */

import { h } from '../dom.js';
import { form } from '../forms.js';
import { moment, t } from '../i18n.js';
import { again } from '../router.js';
import { authorized } from '../session.js';
import { apiKeys } from './api-keys.js';
import { section, stack } from './parts.js';
import { scopeList } from './scopes.js';

/** @param {import('../pages.js').Context} context */
export async function applications({ signal }) {
  const [{ items }, keys] = await Promise.all([authorized('GET', 'me/applications'), apiKeys(signal)]);
  return stack(
    t('applications.title'),
    section(
      t('applications.allowed'),
      items.length > 0 ? h('p', {}, t('applications.about')) : h('p', { class: 'empty' }, t('applications.none')),
      items.length > 0 &&
        h(
          'ul',
          { class: 'list tall' },
          items.map((/** @type {any} */ item) => h('li', {}, about(item), withdrawal(item))),
        ),
    ),
    keys,
  );
}

/** @param {any} application */
function about({ name, first_party, scopes, resources, granted_at, last_used_at }) {
  return h(
    'div',
    {},
    h('h3', {}, name, ' ', first_party && h('span', { class: 'badge' }, t('applications.own'))),
    scopes.length > 0 && scopeList(scopes),
    resources.map((/** @type {string} */ resource) => h('p', {}, t('authorize.resource', { resource }))),
    granted_at && h('p', { class: 'quiet small' }, t('applications.since', { time: moment(granted_at) })),
    h(
      'p',
      { class: 'quiet small' },
      last_used_at ? t('applications.used', { time: moment(last_used_at) }) : t('applications.signed_out'),
    ),
  );
}

/** @param {any} application */
function withdrawal({ client_id, name }) {
  return h(
    'details',
    {},
    h('summary', {}, t('applications.withdraw', { name })),
    form({
      fields: [h('p', {}, t('applications.withdrawing', { name }))],
      button: t('applications.confirm'),
      danger: true,
      submit: async () => {
        await authorized('DELETE', `me/applications/${client_id}`);
        again('applications');
      },
      explain: (problem) => (problem.code === 'not_found' ? t('applications.gone') : undefined),
    }),
  );
}
