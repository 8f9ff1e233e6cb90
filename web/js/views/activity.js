/** The recent events of the account. */

import { h } from '../dom.js';
import { form } from '../forms.js';
import { has, moment, t } from '../i18n.js';
import { authorized } from '../session.js';
import { deviceName } from './device.js';
import { link, section, stack } from './parts.js';

const PAGE = 20;

export async function activity() {
  const list = h('ul', { class: 'list' });
  const [more, apps] = [h('div'), h('p', { hidden: true }, t('activity.apps'), ' ')];
  apps.append(link('applications', t('activity.to_apps')));
  await load({ list, more, apps });
  return stack(t('activity.title'), section(t('activity.recent'), h('p', {}, t('activity.how')), apps, list, more));
}

/** @param {{list: Element, more: Element, apps: HTMLElement}} parts of the page @param {string} [cursor] */
async function load(parts, cursor) {
  const query = new URLSearchParams({ limit: String(PAGE), ...(cursor && { cursor }) });
  const { items, next_cursor: next } = await authorized('GET', `me/events?${query}`);
  parts.list.append(...items.map(entry));
  if (items.some((/** @type {any} */ event) => event.application)) parts.apps.hidden = false;
  const button = form({ fields: [], button: t('activity.more'), primary: false, submit: () => load(parts, next) });
  parts.more.replaceChildren(...(next ? [button] : []));
}

/** @param {any} event */
function entry(event) {
  return h(
    'li',
    {},
    h(
      'div',
      {},
      h('p', {}, title(event), ' ', !event.success && h('span', { class: 'badge bad' }, t('activity.failed'))),
      h('p', { class: 'quiet small' }, moment(event.occurred_at), origin(event), application(event)),
    ),
  );
}

/** @param {any} event */
function title({ event, application, reason }) {
  const key = `event.${event}`;
  // The session of an application that was deleted is one all the same.
  const isOfApplication = application !== undefined || (event === 'session_created' && reason === 'grant');
  if (isOfApplication && has(`${key}.app`)) return t(`${key}.app`);
  if (reason && has(`${key}.${reason}`)) return t(`${key}.${reason}`);
  return has(key) ? t(key) : event;
}

/** Operators, back ends and applications have none that the user is shown. @param {any} event */
function origin({ ip, user_agent }) {
  return (ip || user_agent) && ` · ${ip ?? '–'} · ${deviceName(user_agent)}`;
}

/** @param {any} event */
function application({ application }) {
  return application && [' · ', t('activity.app'), ' ', link('applications', application.name)];
}
