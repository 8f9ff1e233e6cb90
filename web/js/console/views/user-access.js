/** Where one account is signed in, on which devices it is trusted, and with which accounts of providers it is linked. */

import { h } from '../../dom.js';
import { list, moment, t } from '../../i18n.js';
import { announce } from '../../notice.js';
import { deviceName } from '../../views/device.js';
import { section } from '../../views/parts.js';
import { change, isOwnSession } from '../admin.js';
import { dangerous, onDay, table, when } from '../parts.js';
import { nameOf } from './users.js';

/** @param {any} account @param {{sessions: any[]}} listed */
export function sessions(account, { sessions: items }) {
  const name = nameOf(account);
  const heads = [
    t('session.device'),
    t('session.address'),
    t('session.since'),
    t('session.used'),
    t('table.actions'),
  ];
  const cells = (/** @type {any} */ session) => [
    [
      deviceName(session.user_agent),
      isOwnSession(session.id) && [' ', h('span', { class: 'badge good' }, t('sessions.this'))],
      session.applications.length > 0 && h('div', { class: 'quiet small' }, apps(session)),
    ],
    session.ip ?? '–',
    when(session.created_at),
    when(session.last_used_at),
    ending(account, session),
  ];
  return section(
    t('sessions.title'),
    items.length > 0
      ? table(t('sessions.title'), heads, items.map(cells))
      : h('p', { class: 'empty' }, t('session.none')),
    // A login that waits for its second factor is not listed, but ends as well.
    dangerous(t('session.end_all'), {
      question: t('session.end_question', { name }),
      consequence: t('session.end_what'),
      button: t('session.end_all'),
      act: async () => {
        await change('DELETE', `users/${account.id}/sessions`);
        announce('session.all_ended', 'good', { name });
      },
    }),
  );
}

/** The applications that have access in a session. @param {any} session */
function apps({ applications }) {
  return t('sessions.apps', { names: list(applications.map((/** @type {any} */ { name }) => name)) });
}

/** @param {any} account @param {any} session */
function ending(account, { id, user_agent, created_at }) {
  const [name, which] = [nameOf(account), { device: deviceName(user_agent), time: moment(created_at) }];
  const button = dangerous(t('sessions.end'), {
    question: t('session.end_one_question', { name }),
    consequence: [
      h('p', {}, t('session.which', which)),
      isOwnSession(id) && h('p', {}, t('session.end_own')),
      h('p', {}, t('session.end_one_what')),
    ],
    button: t('session.end_one'),
    act: async () => {
      await change('DELETE', `users/${account.id}/sessions/${id}`);
      announce('session.one_ended', 'good', { name });
    },
    explain: ({ code }) => (code === 'not_found' ? t('sessions.gone') : undefined),
  });
  // There is one in each row.
  button.setAttribute('aria-label', t('session.end_label', which));
  return button;
}

/** @param {any} account @param {{devices: any[]}} listed */
export function devices(account, { devices: items }) {
  if (items.length === 0) return section(t('trusted_devices.title'), h('p', { class: 'empty' }, t('device.none')));
  const name = nameOf(account);
  const heads = [t('session.device'), t('session.address'), t('session.used'), t('device.until')];
  const cells = (/** @type {any} */ device) => [
    deviceName(device.user_agent),
    device.ip ?? '–',
    when(device.last_used_at),
    onDay(device.expires_at),
  ];
  return section(
    t('trusted_devices.title'),
    table(t('trusted_devices.title'), heads, items.map(cells)),
    dangerous(t('device.end_all'), {
      question: t('device.end_question', { name }),
      consequence: t('device.end_what'),
      button: t('device.end_all'),
      act: async () => {
        await change('DELETE', `users/${account.id}/devices`);
        announce('device.all_ended', 'good', { name });
      },
    }),
  );
}

/** @param {any} account */
export function identities(account) {
  if (account.identities.length === 0)
    return section(t('identities.title'), h('p', { class: 'empty' }, t('identity.none')));
  const heads = [t('identity.provider'), t('email'), t('identity.since'), t('session.used'), t('table.actions')];
  const cells = (/** @type {any} */ identity) => [
    identity.name,
    identity.email ?? '–',
    when(identity.created_at),
    when(identity.last_used_at),
    unlinking(account, identity),
  ];
  return section(t('identities.title'), table(t('identities.title'), heads, account.identities.map(cells)));
}

/** @param {any} account @param {any} identity */
function unlinking(account, { id, name: provider }) {
  const name = nameOf(account);
  const button = dangerous(t('identity.unlink'), {
    question: t('identity.unlink_question', { name, provider }),
    consequence: t('identity.unlink_what', { provider }),
    button: t('identity.unlink'),
    act: async () => {
      await change('DELETE', `users/${account.id}/identities/${id}`);
      announce('identity.unlinked', 'good', { name, provider });
    },
    explain: ({ code }) => (code === 'conflict' ? t('user.no_way_back') : undefined),
  });
  // There is one in each row.
  button.setAttribute('aria-label', t('identity.unlink_one', { provider }));
  return button;
}
