/** One webhook, and what became of the messages to it. */

import { againAsTyped } from '../../as-typed.js';
import { h } from '../../dom.js';
import { form } from '../../forms.js';
import { moment, plural, t } from '../../i18n.js';
import { go } from '../../router.js';
import { announce } from '../../notice.js';
import { facts, section } from '../../views/parts.js';
import { change, read, wanted } from '../admin.js';
import { timeField } from '../fields.js';
import { asking, badge, code, dangerous, page, pagedTable, views, when } from '../parts.js';
import { handover, keep } from '../secret.js';
import { localTime } from '../typed.js';
import { webhookForm } from '../webhook-form.js';
import { state } from './webhooks.js';

/** @param {import('../../pages.js').Context} context */
export async function webhook({ signal }) {
  const found = await read(`webhooks/${wanted()}`);
  return page(
    found.url,
    { up: ['webhooks', t('webhooks.title')] },
    handover(signal, t('webhook.secret_what')),
    section(t('webhook.facts'), overview(found), actions(found)),
    section(t('webhook.deliveries'), await deliveries(found)),
    section(t('webhook.replay'), h('p', {}, t('webhook.replay_what')), replaying(found)),
    section(t('webhook.change'), changing(found)),
    section(t('webhook.rotate'), h('p', {}, t('webhook.rotate_what')), rotation(found)),
    section(t('webhook.delete'), h('p', {}, t('webhook.delete_what')), deletion(found)),
  );
}

/** @param {any} webhook */
function overview(webhook) {
  const { id, gone_at, previous_secret_expires_at: overlap, created_at, format } = webhook;
  return facts(
    [t('users.state'), [state(webhook), gone_at && [' ', t('webhook.gone_at', { time: moment(gone_at) })]]],
    [t('webhook.id'), code(id)],
    [t('webhook.format'), t(`webhook.format.${format}`)],
    [t('webhook.since'), moment(created_at)],
    ...(overlap ? [/** @type {[string, string]} */ ([t('webhook.old_secret'), moment(overlap)])] : []),
  );
}

/** @param {any} webhook */
function actions({ id, url, state }) {
  const isEnabled = state === 'enabled';
  const set = async (/** @type {string} */ next) => {
    await change('PATCH', `webhooks/${id}`, { state: next });
  };
  const pause = asking(t('webhook.pause'), {
    question: t('webhook.pause_question', { url }),
    consequence: t('webhook.pause_what'),
    button: t('webhook.pause'),
    act: () => set('disabled'),
  });
  const resume = form({
    fields: [],
    button: t('webhook.resume'),
    submit: async () => {
      await set('enabled');
      againAsTyped('webhook');
    },
  });
  const test = form({
    fields: [],
    button: t('webhook.test'),
    primary: false,
    submit: async () => {
      await change('POST', `webhooks/${id}/test`);
      announce('webhook.tested', 'good');
      againAsTyped('webhook');
    },
  });
  return h('div', { class: 'row' }, isEnabled ? [test, pause] : resume);
}

const STATES = ['', 'pending', 'delivered', 'dead'];
/** @type {Record<string, 'good' | 'bad' | 'plain'>} */
const LOOKS = { pending: 'plain', delivered: 'good', dead: 'bad' };

/** @param {any} webhook */
async function deliveries({ id }) {
  const query = new URLSearchParams(location.search);
  const shown = query.get('state') ?? '';
  const view = (/** @type {string} */ state) =>
    /** @type {[string, string, boolean]} */ ([
      `webhook?${new URLSearchParams({ id, ...(state && { state }) })}`,
      t(`delivery.${state || 'all'}`),
      state === shown,
    ]);
  const heads = [
    t('delivery.type'),
    t('delivery.state'),
    t('delivery.attempts'),
    t('delivery.occurred'),
    t('delivery.result'),
  ];
  return [
    h(
      'div',
      { class: 'row' },
      views(t('delivery.state'), STATES.map(view)),
      h('button', { type: 'button', on: { click: () => againAsTyped('webhook') } }, t('delivery.reload')),
    ),
    await pagedTable({
      caption: t('webhook.deliveries'),
      heads,
      cells,
      load: (cursor) => read(`webhooks/${id}/deliveries`, { state: shown, cursor, limit: '25' }),
      none: t('delivery.none'),
    }),
  ];
}

/** @param {any} delivery */
function cells({ type, state, attempts, occurred_at, next_try_at, ended_at, last_status, last_error }) {
  // The error is a fixed text of the service, in English.
  const result = [last_status && `HTTP ${last_status}`, last_error].filter(Boolean).join(' · ');
  const next = next_try_at ? t('delivery.next', { time: moment(next_try_at) }) : moment(ended_at);
  return [
    code(type),
    badge(LOOKS[state], t(`delivery.${state}`)),
    attempts,
    when(occurred_at),
    [result && h('p', {}, result), h('p', { class: 'quiet small' }, next)],
  ];
}

/** @param {any} webhook */
function replaying({ id, state }) {
  if (state !== 'enabled') return h('p', {}, t('webhook.resume_first'));
  const since = timeField({ name: 'since', label: t('webhook.replay_since'), hint: t('filters.own_time') });
  return form({
    fields: [since],
    button: t('webhook.replay'),
    primary: false,
    submit: async (values) => {
      const time = localTime(values.since);
      if (!time) return since.blame(t('field.since'));
      const { replayed, continue_since: next } = await change('POST', `webhooks/${id}/replay`, { since: time });
      const said = plural('webhook.replayed', replayed);
      return next ? `${said} ${t('webhook.replay_more', { time: moment(next) })}` : said;
    },
  });
}

/** @param {any} webhook */
function changing(webhook) {
  return webhookForm({
    webhook,
    button: t('save'),
    send: async (body) => {
      await change('PATCH', `webhooks/${webhook.id}`, body);
      return t('saved');
    },
  });
}

/** @param {any} webhook */
function rotation({ id, url }) {
  return asking(t('webhook.rotate'), {
    question: t('webhook.rotate_question', { url }),
    consequence: t('webhook.rotate_what'),
    button: t('webhook.rotate'),
    act: async () => {
      const { secret } = await change('POST', `webhooks/${id}/rotate-secret`);
      keep({ id, secret });
    },
  });
}

/** @param {any} webhook */
function deletion({ id, url }) {
  return dangerous(
    t('webhook.delete'),
    {
      question: t('webhook.delete_question', { url }),
      consequence: t('webhook.delete_what'),
      button: t('webhook.delete'),
      typed: url,
      act: async () => {
        await change('DELETE', `webhooks/${id}`);
        announce('webhook.deleted', 'good', { url });
      },
    },
    () => go('webhooks', { replace: true }),
  );
}
