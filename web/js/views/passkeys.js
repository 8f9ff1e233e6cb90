/** The passkeys of an account: adds, renames and removes them. */

import { h } from '../dom.js';
import { field, form } from '../forms.js';
import { moment, t } from '../i18n.js';
import { makePasskey, offersPasskeys } from '../passkeys.js';
import { keepCodes } from '../recovery-codes.js';
import { again, go } from '../router.js';
import { authorized } from '../session.js';
import { sensitive } from '../step-up.js';
import { recall, remember, save } from '../storage.js';
import { deviceName } from './device.js';
import { facts, link, section } from './parts.js';

/** @param {any[]} passkeys of `GET /2fa/passkeys` @param {any} me */
export function passkeyList(passkeys, me) {
  return [
    h('p', {}, t('passkey.about')),
    passkeys.length > 0 &&
      h(
        'ul',
        { class: 'list' },
        passkeys.map((passkey) => h('li', {}, entry(passkey, me))),
      ),
    offersPasskeys() ? addition() : h('p', { class: 'quiet' }, t('passkey.unsupported')),
  ];
}

/** @param {any} passkey @param {any} me */
function entry(passkey, me) {
  const { name, backed_up, created_at, last_used_at } = passkey;
  return h(
    'div',
    { class: 'stack' },
    h('h3', {}, name),
    facts(
      [t('factor.since'), moment(created_at)],
      [t('factor.used'), last_used_at ? moment(last_used_at) : t('never')],
      [t('passkey.copies'), backed_up ? t('passkey.backed_up') : t('passkey.one_device')],
    ),
    rename(passkey),
    remove(passkey, me),
  );
}

/** @param {string} label @param {string} value */
function nameField(label, value) {
  return field({ name: 'name', label, value, attributes: { type: 'text', maxlength: 64 } });
}

function addition() {
  return form({
    fields: [nameField(t('passkey.new_name'), deviceName(navigator.userAgent))],
    button: t('passkey.add'),
    primary: false,
    submit: async ({ name }) => {
      const { options } = await sensitive('POST', '2fa/passkeys/options');
      const credential = await makePasskey(options);
      const { recovery_codes } = await sensitive('POST', '2fa/passkeys', { credential, name });
      if (!recovery_codes) return again('security');
      keepCodes(recovery_codes);
      save('next', 'security');
      go('recovery-codes');
    },
    explain: explainRegistration,
  });
}

/**
 * Explains why a passkey was not registered.
 * @param {import('../api.js').Problem} problem
 */
export function explainRegistration({ code }) {
  if (code === 'conflict') return t('passkey.conflict');
  return code === 'validation_failed' ? t('problem.passkey_failed') : undefined;
}

/** @param {any} passkey */
function rename({ id, name }) {
  return h(
    'details',
    {},
    h('summary', {}, t('passkey.rename')),
    form({
      fields: [nameField(t('passkey.name'), name)],
      button: t('save'),
      primary: false,
      submit: async (values) => {
        await sensitive('PATCH', `2fa/passkeys/${id}`, values);
        again('security');
      },
    }),
  );
}

/** @param {any} passkey @param {any} me */
function remove({ id }, me) {
  return form({
    fields: [],
    button: t('factor.remove'),
    danger: true,
    submit: async () => {
      await sensitive('DELETE', `2fa/passkeys/${id}`);
      again('security');
    },
    explain: (problem) =>
      problem.code === 'conflict' ? t(me.has_password ? 'factor.last' : 'passkey.last') : undefined,
  });
}

/** Offers a passkey to a user who has none and has not declined it in this browser. */
export async function passkeyOffer() {
  if (!offersPasskeys() || recall('passkeyDeclined') !== null) return false;
  const { passkeys } = await authorized('GET', '2fa/passkeys');
  return passkeys.length === 0 && offer();
}

function offer() {
  const decline = () => {
    remember('passkeyDeclined', 'true');
    element.remove();
  };
  const element = section(
    t('passkey.offer'),
    h('p', {}, t('passkey.about'), ' ', t('passkey.offer_why')),
    h(
      'div',
      { class: 'row' },
      link('security', t('passkey.offer_accept'), 'button'),
      h('button', { type: 'button', class: 'plain', on: { click: decline } }, t('passkey.offer_decline')),
    ),
  );
  return element;
}
