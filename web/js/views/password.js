/** The password of an account: changes it, removes it, and sets the first one. */

import { h } from '../dom.js';
import { form, passwordField } from '../forms.js';
import { t } from '../i18n.js';
import { newPasswordField } from '../new-password.js';
import { offersPasskeys, usePasskey } from '../passkeys.js';
import { again } from '../router.js';
import { authorized } from '../session.js';
import { sensitive } from '../step-up.js';

/** @param {any} me @param {boolean} hasPasskeys */
export function password(me, hasPasskeys) {
  if (!me.has_password) return [h('p', {}, t('password.is_none')), first(me)];
  return [change(me), hasPasskeys && offersPasskeys() && removal()];
}

/** For password managers, which read from it whose password it is. @param {any} me */
function owner(me) {
  return h('input', { type: 'text', autocomplete: 'username', value: me.email ?? me.username, hidden: true });
}

function newPassword() {
  return newPasswordField('new_password', t('password.new'));
}

/** @param {any} me */
function change(me) {
  return form({
    fields: [
      owner(me),
      passwordField({ name: 'current_password', label: t('password.current'), autocomplete: 'current-password' }),
      newPassword(),
    ],
    button: t('password.change'),
    primary: false,
    reset: true,
    submit: async ({ current_password, new_password }) => {
      await sensitive('POST', 'password/change', { current_password, new_password });
      return t('password.changed');
    },
    explain: (problem) => (problem.code === 'invalid_credentials' ? t('password.wrong') : undefined),
  });
}

/** @param {any} me */
function first(me) {
  return form({
    fields: [owner(me), newPassword()],
    button: t('password.set'),
    primary: false,
    submit: async ({ new_password }) => {
      await sensitive('POST', 'password/set', { new_password });
      again('security');
    },
  });
}

function removal() {
  return h(
    'details',
    {},
    h('summary', {}, t('password.remove')),
    form({
      fields: [h('p', {}, t('password.removing'))],
      button: t('password.remove'),
      danger: true,
      submit: async () => {
        const { options } = await authorized('POST', 'password/remove/options');
        await authorized('POST', 'password/remove', { passkey: await usePasskey(options) });
        again('security');
      },
      explain: (problem) => (problem.code === 'invalid_code' ? t('passkey.unknown') : undefined),
    }),
  );
}
