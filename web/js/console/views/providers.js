/** The upstream providers, as the operator's file describes them. */

import { h } from '../../dom.js';
import { list, t } from '../../i18n.js';
import { facts, section } from '../../views/parts.js';
import { read } from '../admin.js';
import { badge, code, listed, page } from '../parts.js';

export async function providers() {
  const { items } = await read('providers');
  return page(
    t('providers.title'),
    {},
    h('p', {}, t('providers.what')),
    items.length > 0 ? items.map(provider) : h('p', { class: 'empty' }, t('providers.none')),
  );
}

/** @param {any} provider */
function provider({ id, name, issuer, client_id, native_client_ids, scopes, redirect_uris, believed_domains, fault }) {
  return section(
    name,
    facts(
      // The fault is a fixed text of the service, in English.
      [
        t('providers.state'),
        fault ? [badge('bad', t('providers.paused')), ' ', fault] : badge('good', t('providers.asked')),
      ],
      [t('providers.id'), code(id)],
      [t('providers.issuer'), code(issuer)],
      [t('providers.client_id'), code(client_id)],
      [t('providers.native'), listed(native_client_ids)],
      [t('client.scopes'), scopes.join(' ') || '–'],
      [t('client.redirect_uris'), listed(redirect_uris)],
      [
        t('providers.believed'),
        believed_domains ? list(believed_domains) || t('providers.no_address') : t('providers.all_addresses'),
      ],
    ),
  );
}
