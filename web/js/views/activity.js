/** The recent events of the account. */

import { h } from '../dom.js';
import { getProviders } from '../federation.js';
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
  // Only events that name a provider need them.
  const isOfProvider = items.some((/** @type {any} */ event) => event.provider);
  const providers = isOfProvider ? await getProviders() : [];
  parts.list.append(...items.map((/** @type {any} */ event) => entry(event, providers)));
  if (items.some((/** @type {any} */ event) => event.application)) parts.apps.hidden = false;
  const button = form({ fields: [], button: t('activity.more'), primary: false, submit: () => load(parts, next) });
  parts.more.replaceChildren(...(next ? [button] : []));
}

/** @param {any} event @param {import('../federation.js').Provider[]} providers of this deployment */
function entry(event, providers) {
  return h(
    'li',
    {},
    h(
      'div',
      {},
      h('p', {}, title(event), ' ', !event.success && h('span', { class: 'badge bad' }, t('activity.failed'))),
      h(
        'p',
        { class: 'quiet small' },
        moment(event.occurred_at),
        origin(event),
        application(event),
        providerOf(event, providers),
      ),
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
  return (ip || user_agent) && [` · ${ip ?? '–'} · `, h('span', { class: 'whole' }, deviceName(user_agent))];
}

/**
 * The operator may have removed a provider: then its id is what is left.
 * @param {any} event @param {import('../federation.js').Provider[]} providers
 */
function providerOf({ provider }, providers) {
  return provider && ` · ${providers.find(({ id }) => id === provider)?.name ?? provider}`;
}

/** @param {any} event */
function application({ application }) {
  return application && [' · ', t('activity.app'), ' ', link('applications', application.name)];
}
