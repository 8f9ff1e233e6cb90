/** Where the account is signed in. */

import { h } from '../dom.js';
import { form } from '../forms.js';
import { list, moment, t } from '../i18n.js';
import { again } from '../router.js';
import { authorized, drop } from '../session.js';
import { deviceName } from './device.js';
import { link, section, stack } from './parts.js';

export async function sessions() {
  /** @type {any[]} */
  const all = await authorized('GET', 'sessions');
  const sorted = all.sort((one, other) => Number(other.current) - Number(one.current));
  return stack(
    t('sessions.title'),
    section(
      t('sessions.where'),
      h(
        'ul',
        { class: 'list' },
        sorted.map((session) => h('li', {}, about(session), end(session))),
      ),
      all.some(({ applications }) => applications.length > 0) &&
        h('p', {}, t('sessions.with_apps'), ' ', link('applications', t('sessions.to_apps'))),
      all.length > 1 && endOthers(),
    ),
  );
}

/** @param {any} session */
function about(session) {
  return h(
    'div',
    {},
    h('p', {}, h('strong', {}, deviceName(session.user_agent)), ' ', session.current && here()),
    h('p', { class: 'quiet small' }, t('sessions.from', { ip: session.ip ?? '–', since: moment(session.created_at) })),
    h('p', { class: 'quiet small' }, t('sessions.used', { time: moment(session.last_used_at) })),
    apps(session),
  );
}

/** @param {any} session */
function apps({ applications }) {
  const names = list(applications.map((/** @type {any} */ application) => application.name));
  return applications.length > 0 && h('p', { class: 'quiet small' }, t('sessions.apps', { names }));
}

function here() {
  return h('span', { class: 'badge good' }, t('sessions.this'));
}

/** @param {any} session */
function end(session) {
  return form({
    fields: [],
    button: session.current ? t('sign_out') : t('sessions.end'),
    primary: false,
    submit: async () => {
      await authorized('DELETE', `sessions/${session.id}`);
      if (session.current) drop();
      else again('sessions');
    },
    // It has ended in the meantime, which is what the user requested.
    explain: (problem) => (problem.code === 'not_found' ? t('sessions.gone') : undefined),
  });
}

function endOthers() {
  return form({
    fields: [],
    button: t('sessions.end_others'),
    danger: true,
    submit: async () => {
      await authorized('DELETE', 'sessions');
      again('sessions');
    },
  });
}
