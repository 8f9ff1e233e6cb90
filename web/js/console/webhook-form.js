/**
 * The fields of a webhook, for a new one and for a change.
 */

import { h } from '../dom.js';
import { field, form, plain } from '../forms.js';
import { t } from '../i18n.js';
import { choice, tick } from './fields.js';

/** The types of events. A test compares them with those of the service. */
export const TYPES = [
  'user.created',
  'user.verified',
  'user.updated',
  'user.disabled',
  'user.enabled',
  'user.deleted',
  'session.started',
  'session.ended',
  'factor.added',
  'factor.removed',
  'password.changed',
  'identity.linked',
  'identity.unlinked',
  'credential.suspicious',
];
const FORMATS = ['standard', 'caep'];

/**
 * Makes the form.
 * @param {object} what
 * @param {any} [what.webhook] the webhook that changes; without it, a new one is described
 * @param {string} what.button
 * @param {(body: object) => Promise<string | void>} what.send
 */
export function webhookForm({ webhook, button, send }) {
  const url = field({
    name: 'url',
    label: t('webhook.url'),
    hint: t('webhook.url_hint'),
    value: webhook?.url ?? '',
    attributes: { type: 'url', autocomplete: 'off', maxlength: 2048, ...plain },
  });
  const format = choice({
    name: 'format',
    label: t('webhook.format'),
    value: 'standard',
    choices: FORMATS.map((value) => [value, t(`webhook.format.${value}`)]),
  });
  const types = typeChoice(webhook?.events ?? []);
  const addresses = tick('include_addresses', t('webhook.addresses'), webhook?.include_addresses);
  return form({
    fields: [url, ...(webhook ? [] : [format]), types.field, addresses],
    button,
    primary: !webhook,
    submit: (values) =>
      send({
        url: values.url,
        events: types.chosen(),
        include_addresses: addresses.isTicked(),
        ...(!webhook && { format: values.format }),
      }),
    explain: ({ code }) => (code === 'conflict' ? t('webhook.too_many') : undefined),
  });
}

/** @param {string[]} before */
function typeChoice(before) {
  const boxes = TYPES.map((type) => ({ type, box: tick('events', type, before.includes(type)) }));
  const fault = h('p', { class: 'fault', id: 'events-fault' });
  const blame = (/** @type {string} */ text) => fault.replaceChildren(text);
  for (const { box } of boxes) box.input.addEventListener('change', () => blame(''));
  const node = h(
    'fieldset',
    { class: 'columns', 'aria-describedby': `events-hint ${fault.id}` },
    h('legend', {}, t('webhook.events')),
    h('p', { class: 'hint', id: 'events-hint' }, t('webhook.events_hint')),
    boxes.map(({ box }) => box.node),
    fault,
  );
  return {
    field: { name: 'events', node, input: boxes[0].box.input, blame, draft: false },
    chosen: () => boxes.filter(({ box }) => box.isTicked()).map(({ type }) => type),
  };
}
