/** The recent events of the account. */

import { h } from '../dom.js';
import { form } from '../forms.js';
import { has, moment, t } from '../i18n.js';
import { authorized } from '../session.js';
import { deviceName } from './device.js';
import { section, stack } from './parts.js';

const PAGE = 20;

export async function activity() {
  const list = h('ul', { class: 'list' });
  const more = h('div');
  await load(list, more);
  return stack(t('activity.title'), section(t('activity.recent'), h('p', {}, t('activity.how')), list, more));
}

/** @param {Element} list @param {Element} more @param {string} [cursor] */
async function load(list, more, cursor) {
  const query = new URLSearchParams({ limit: String(PAGE), ...(cursor && { cursor }) });
  const { items, next_cursor: next } = await authorized('GET', `me/events?${query}`);
  list.append(...items.map(entry));
  const button = form({ fields: [], button: t('activity.more'), primary: false, submit: () => load(list, more, next) });
  more.replaceChildren(...(next ? [button] : []));
}

/** @param {any} event */
function entry(event) {
  const key = `event.${event.event}`;
  return h(
    'li',
    {},
    h(
      'div',
      {},
      h(
        'p',
        {},
        has(key) ? t(key) : event.event,
        ' ',
        !event.success && h('span', { class: 'badge bad' }, t('activity.failed')),
      ),
      h(
        'p',
        { class: 'quiet small' },
        `${moment(event.occurred_at)} · ${event.ip ?? '–'} · ${deviceName(event.user_agent)}`,
      ),
    ),
  );
}
