/** Codes by mail and text message: sets them up, confirms and removes them. */

import { h } from '../dom.js';
import { codeField, field, form } from '../forms.js';
import { moment, t } from '../i18n.js';
import { again } from '../router.js';
import { sensitive } from '../step-up.js';
import { facts } from './parts.js';

/** @param {any} me @param {any} active @param {any} pending */
export function emailCodes(me, active, pending) {
  if (active) return [state(active), remove('2fa/email')];
  if (!me.email_verified) return h('p', {}, t('factor.email.unverified'));
  return [
    h('p', {}, t('factor.email.about')),
    begin('email', '2fa/email', []),
    pending && confirm('email', '2fa/email'),
  ];
}

/** @param {any} active @param {any} pending */
export function phoneCodes(active, pending) {
  const number = field({
    name: 'phone_number',
    label: t('phone'),
    hint: t('phone.hint'),
    draft: true,
    attributes: { type: 'tel', autocomplete: 'tel', maxlength: 128 },
  });
  return [
    active ? [state(active), remove('2fa/phone')] : h('p', {}, t('factor.sms.about')),
    begin('sms', '2fa/phone', [number]),
    pending && confirm('sms', '2fa/phone'),
  ];
}

/** @param {any} factor */
function state(factor) {
  return facts(
    [t('factor.to'), factor.hint ?? '–'],
    [t('factor.since'), moment(factor.confirmed_at)],
    [t('factor.used'), factor.last_used_at ? moment(factor.last_used_at) : t('never')],
  );
}

/** @param {string} kind @param {string} path @param {import('../forms.js').Field[]} fields */
function begin(kind, path, fields) {
  return form({
    fields,
    button: t(`factor.${kind}.begin`),
    primary: false,
    submit: async (values) => {
      await sensitive('PUT', path, fields.length > 0 ? values : undefined);
      again('security');
    },
    explain: (problem) => (problem.code === 'conflict' ? t('factor.email.unverified') : undefined),
  });
}

/** @param {string} kind @param {string} path */
function confirm(kind, path) {
  return form({
    fields: [h('p', {}, t('factor.confirm_how')), codeField(kind, { submits: true })],
    button: t('confirm'),
    submit: async ({ code }) => {
      await sensitive('POST', `${path}/confirm`, { code });
      again('security');
    },
  });
}

/** @param {string} path */
function remove(path) {
  return form({
    fields: [],
    button: t('factor.remove'),
    danger: true,
    submit: async () => {
      await sensitive('DELETE', path);
      again('security');
    },
    explain: (problem) => (problem.code === 'conflict' ? t('factor.last') : undefined),
  });
}
