/** How the service is doing: the state of each part, and the messages that wait. */

import { h } from '../../dom.js';
import { duration, has, t } from '../../i18n.js';
import { again } from '../../router.js';
import { facts, section } from '../../views/parts.js';
import { read } from '../admin.js';
import { badge, page, table } from '../parts.js';

const PARTS = ['database', 'migrations', 'signing_key', 'outbox'];
const QUEUES = ['mails', 'text_messages', 'webhooks'];
/** @type {Record<string, 'good' | 'bad' | 'warn'>} */
const LOOKS = { ok: 'good', late: 'warn', failed: 'bad', unknown: 'warn' };

export async function health() {
  const { version, checks, queues } = await read('health');
  const heads = [t('health.queue'), t('health.pending'), t('health.dead')];
  const rows = QUEUES.map((queue) => [t(`health.${queue}`), queues[queue].pending, queues[queue].dead]);
  const reload = h('button', { type: 'button', on: { click: () => again('health') } }, t('health.reload'));
  return page(
    t('health.title'),
    { actions: reload },
    section(t('health.parts'), facts(...states(checks)), h('p', { class: 'quiet' }, t('health.version', { version }))),
    section(t('health.queues'), h('p', {}, t('health.queues_what')), table(t('health.queues'), heads, rows)),
  );
}

/** The parts with their states. @param {any} checks @returns {[string, import('../../dom.js').Child][]} */
export function states(checks) {
  return PARTS.map((part) => {
    const { status, seconds } = checks[part];
    const key = `health.${part}.seconds`;
    const age = seconds > 0 && has(key) && ` ${t(key, { time: duration(seconds) })}`;
    return [t(`health.${part}`), [badge(LOOKS[status], t(`health.state.${status}`)), age]];
  });
}
