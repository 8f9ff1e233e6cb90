/** Registers a client. */

import { h } from '../../dom.js';
import { t } from '../../i18n.js';
import { go } from '../../router.js';
import { announce } from '../../notice.js';
import { section } from '../../views/parts.js';
import { admission, change } from '../admin.js';
import { clientForm } from '../client-form.js';
import { page } from '../parts.js';
import { keep } from '../secret.js';

export async function newApplication() {
  await admission();
  const send = async (/** @type {object} */ body) => {
    const client = await change('POST', 'clients', body);
    if (client.secret) keep(client);
    announce('client.registered', 'good', { name: client.name });
    go(`application?id=${client.id}`, { replace: true });
  };
  return page(
    t('client.new'),
    { up: ['applications', t('clients.title')] },
    section(
      t('client.describe'),
      h('p', {}, t('client.describe_how')),
      clientForm({ button: t('client.register'), send }),
    ),
  );
}
