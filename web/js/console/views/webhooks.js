/** The webhooks: endpoints of back ends that are told what happens to accounts. */

import { h } from '../../dom.js';
import { t } from '../../i18n.js';
import { link } from '../../views/parts.js';
import { read } from '../admin.js';
import { badge, leading, onDay, page, table } from '../parts.js';

export async function webhooks() {
  const { items } = await read('webhooks');
  const heads = [t('webhook.url'), t('users.state'), t('webhook.events'), t('webhook.format'), t('webhook.since')];
  return page(
    t('webhooks.title'),
    { actions: leading('new-webhook', t('webhook.new'), { primary: true }) },
    h('p', {}, t('webhooks.what')),
    items.length > 0
      ? table(t('webhooks.title'), heads, items.map(cells))
      : h('p', { class: 'empty' }, t('webhooks.none')),
  );
}

/** @param {any} webhook */
function cells(webhook) {
  return [
    link(`webhook?id=${webhook.id}`, webhook.url),
    state(webhook),
    webhook.events.join(', ') || t('webhook.all_events'),
    t(`webhook.format.${webhook.format}`),
    onDay(webhook.created_at),
  ];
}

/** @param {any} webhook */
export function state({ state, gone_at }) {
  if (state === 'enabled') return badge('good', t('webhook.enabled'));
  return badge(gone_at ? 'bad' : 'warn', t(gone_at ? 'webhook.gone' : 'webhook.disabled'));
}
