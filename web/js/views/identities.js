/** The accounts of other services that the user signs in with: connects and disconnects them. */

import { h } from '../dom.js';
import { getProviders } from '../federation.js';
import { form } from '../forms.js';
import { moment, t } from '../i18n.js';
import { again } from '../router.js';
import { authorized } from '../session.js';
import { sensitive } from '../step-up.js';
import { section } from './parts.js';
import { continueWith } from './providers.js';

const PATH = 'me/identities';

/** Returns nothing where there is nothing to connect or to disconnect. */
export async function connectedAccounts() {
  const [providers, { identities }] = await Promise.all([getProviders(), authorized('GET', PATH)]);
  const isConnected = (/** @type {string} */ id) => identities.some((/** @type {any} */ one) => one.provider === id);
  const others = providers.filter(({ id }) => !isConnected(id));
  if (identities.length === 0 && others.length === 0) return false;
  return section(
    t('identities.title'),
    h('p', {}, t(identities.length > 0 ? 'identities.about' : 'identities.none')),
    identities.length > 0 &&
      h(
        'ul',
        { class: 'list tall' },
        identities.map((/** @type {any} */ identity) => h('li', {}, about(identity), disconnection(identity))),
      ),
    others.map((provider) => continueWith(provider, { linking: true })),
  );
}

/** @param {any} identity */
function about({ name, email, created_at, last_used_at }) {
  return h(
    'div',
    {},
    h('h3', {}, name),
    email && h('p', {}, email),
    h('p', { class: 'quiet small' }, t('identities.since', { time: moment(created_at) })),
    h(
      'p',
      { class: 'quiet small' },
      last_used_at ? t('identities.used', { time: moment(last_used_at) }) : t('identities.unused'),
    ),
  );
}

/** @param {any} identity */
function disconnection({ id, name }) {
  return h(
    'details',
    {},
    h('summary', {}, t('identities.disconnect', { name })),
    form({
      fields: [h('p', {}, t('identities.disconnecting', { name }))],
      button: t('identities.confirm'),
      danger: true,
      submit: async () => {
        await sensitive('DELETE', `${PATH}/${id}`);
        again('security');
      },
      explain: (problem) => {
        if (problem.code === 'conflict') return t('identities.last');
        return problem.code === 'not_found' ? t('identities.gone') : undefined;
      },
    }),
  );
}
