/** The few figures that matter, and what needs an administrator's attention. */

import { h } from '../../dom.js';
import { dayOfStep, hourOfStep, number, t } from '../../i18n.js';
import { facts, link, section } from '../../views/parts.js';
import { read } from '../admin.js';
import { page, views } from '../parts.js';
import { plot } from '../plot.js';
import { states } from './health.js';

/** What is plotted: the step and how many of them. @type {Record<string, [string, string]>} */
const SPANS = { day: ['hour', '24'], week: ['day', '7'], month: ['day', '30'] };
/** @type {[string, 'good' | 'bad' | 'warn' | 'plain'][]} */
const MEASURES = [
  ['sign_ins', 'good'],
  ['failures', 'bad'],
  ['waits', 'warn'],
  ['registrations', 'plain'],
];

export async function overview() {
  const asked = new URLSearchParams(location.search).get('span') ?? 'day';
  const span = Object.hasOwn(SPANS, asked) ? asked : 'day';
  const [step, steps] = SPANS[span];
  const [counted, health, webhooks] = await Promise.all([
    read('statistics', { step, steps }),
    read('health'),
    read('webhooks'),
  ]);
  const spans = Object.keys(SPANS).map(
    (name) =>
      /** @type {[string, string, boolean]} */ ([
        name === 'day' ? '' : `?${new URLSearchParams({ span: name })}`,
        t(`overview.span.${name}`),
        name === span,
      ]),
  );
  return page(
    t('overview.title'),
    {},
    attention(health, webhooks.items),
    h(
      'section',
      { class: 'stack' },
      h('h2', {}, t('overview.figures')),
      views(t('overview.span'), spans),
      plots(counted),
      h('p', { class: 'quiet small' }, t('overview.counted'), step === 'day' && [' ', t('overview.utc')]),
    ),
    section(t('overview.health'), facts(...states(health.checks)), h('p', {}, link('health', t('overview.to_health')))),
  );
}

/** @param {{step: string, items: any[]}} counted */
function plots({ step, items }) {
  const labels = items.map(({ since }) => (step === 'hour' ? hourOfStep(since) : dayOfStep(since)));
  const of = (/** @type {string} */ measure) => items.map((item) => item[measure]);
  return h(
    'div',
    { class: 'tiles' },
    MEASURES.map(([measure, kind]) =>
      plot({ title: t(`overview.${measure}`), kind, counts: of(measure), labels, step: t(`overview.step.${step}`) }),
    ),
  );
}

/** What needs attention, if anything does. @param {any} health @param {any[]} webhooks */
function attention({ queues }, webhooks) {
  const gone = webhooks.filter(({ gone_at }) => gone_at);
  const unsent = queues.mails.dead + queues.text_messages.dead;
  const found = [
    ...gone.map(({ id, url }) => [t('overview.gone', { url }), ' ', link(`webhook?id=${id}`, t('overview.look'))]),
    ...(unsent > 0 ? [[t('overview.unsent', { count: number(unsent) }), ' ', link('health', t('overview.look'))]] : []),
    ...(queues.webhooks.dead > 0
      ? [
          [
            t('overview.undelivered', { count: number(queues.webhooks.dead) }),
            ' ',
            link('webhooks', t('overview.look')),
          ],
        ]
      : []),
  ];
  return found.map((text) => h('p', { class: 'notice warn' }, text));
}
