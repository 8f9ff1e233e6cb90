/** The registered clients: applications that users sign in to, and services. */

import { h } from '../../dom.js';
import { t } from '../../i18n.js';
import { link } from '../../views/parts.js';
import { read } from '../admin.js';
import { leading, listed, onDay, page, table } from '../parts.js';

export async function applications() {
  const { items } = await read('clients');
  const heads = [t('client.name'), t('client.kind'), t('client.audiences'), t('client.scopes'), t('client.since')];
  return page(
    t('clients.title'),
    { actions: leading('new-application', t('client.new'), { primary: true }) },
    h('p', {}, t('clients.what')),
    items.length > 0
      ? table(t('clients.title'), heads, items.map(cells))
      : h('p', { class: 'empty' }, t('clients.none')),
  );
}

/** @param {any} client */
function cells(client) {
  return [
    link(`application?id=${client.id}`, client.name),
    t(`client.kind.${client.kind}`),
    listed(client.audiences),
    client.scopes.join(' ') || '–',
    onDay(client.created_at),
  ];
}
