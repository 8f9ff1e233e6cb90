/** Creates a webhook. */

import { h } from '../../dom.js';
import { t } from '../../i18n.js';
import { go } from '../../router.js';
import { announce } from '../../notice.js';
import { section } from '../../views/parts.js';
import { admission, change } from '../admin.js';
import { page } from '../parts.js';
import { keep } from '../secret.js';
import { webhookForm } from '../webhook-form.js';

export async function newWebhook() {
  await admission();
  const send = async (/** @type {object} */ body) => {
    const webhook = await change('POST', 'webhooks', body);
    keep(webhook);
    announce('webhook.created', 'good', { url: webhook.url });
    go(`webhook?id=${webhook.id}`, { replace: true });
  };
  return page(
    t('webhook.new'),
    { up: ['webhooks', t('webhooks.title')] },
    section(t('webhook.describe'), h('p', {}, t('webhooks.what')), webhookForm({ button: t('webhook.create'), send })),
  );
}
