/** Creates an account: with a password, or with a passkey in its place. */

import { call } from '../api.js';
import { h } from '../dom.js';
import { emailField, field, form, plain } from '../forms.js';
import { language, t } from '../i18n.js';
import { newPasswordField } from '../new-password.js';
import { offersPasskeys } from '../passkeys.js';
import { enterNew } from '../pending.js';
import { go } from '../router.js';
import { resend } from './login.js';
import { card, link, links, sent, turn } from './parts.js';
import { otherWays } from './providers.js';

export function register() {
  const page = card(t('register.title'));
  show(page, false);
  return page;
}

/** Shows the form for one of the two ways. What was typed stays. @param {Element} page @param {boolean} withPasskey */
function show(page, withPasskey) {
  turn(
    page,
    h('h1', { tabindex: -1 }, t('register.title')),
    withPasskey
      ? [h('p', {}, t('register.how_passkey')), h('p', {}, t('passkey.about'))]
      : h('p', {}, t(offersPasskeys() ? 'register.how_either' : 'register.how')),
    registration(page, withPasskey),
    offersPasskeys() && otherWay(page, withPasskey),
    h('p', { class: 'quiet' }, t('register.have_one'), ' ', link('login', t('login.title'))),
    otherWays(),
  );
}

/** @param {Element} page @param {boolean} withPasskey */
function registration(page, withPasskey) {
  const username = field({
    name: 'username',
    label: t('username.optional'),
    hint: t('username.hint'),
    required: false,
    draft: true,
    attributes: { type: 'text', autocomplete: 'off', maxlength: 128, ...plain },
  });
  const password = newPasswordField('password', t('password'));
  const email = emailField({ autocomplete: 'username', required: false });
  const { check } = email;
  email.check = (value) => (value || username.input.value ? check?.(value) : t('register.nameless'));
  return form({
    fields: [
      // Password managers store this together with the password.
      email,
      username,
      ...(withPasskey ? [] : [password]),
    ],
    button: t(withPasskey ? 'register.submit_passkey' : 'register.submit'),
    submit: async ({ email, username: name, password }) => {
      const names = { ...(email && { email }), ...(name && { username: name }) };
      const way = withPasskey ? { passkey: true } : { password };
      const answer = await call('POST', 'register', { ...names, ...way, locale: language() });
      if (answer.status === 'accepted') {
        turn(page, accepted(email, withPasskey));
        return;
      }
      enterNew(answer, email || undefined);
      go('set-up');
    },
    explain: (problem) => (problem.code === 'forbidden' ? t('register.closed') : undefined),
  });
}

/** @param {Element} page @param {boolean} withPasskey */
function otherWay(page, withPasskey) {
  const change = () => show(page, !withPasskey);
  const text = t(withPasskey ? 'register.with_password' : 'register.with_passkey');
  return h('button', { type: 'button', on: { click: change } }, text);
}

/**
 * Only a mail says whether there is an account, so that the page reveals no addresses.
 * @param {string} email @param {boolean} withPasskey
 */
function accepted(email, withPasskey) {
  const how = withPasskey ? 'register.accepted_passkey' : 'register.accepted';
  return sent(
    t('look_at_mail'),
    h('p', {}, t(how, { email })),
    // The link in the mail of an account without a password is not one that verifies an address.
    email && !withPasskey && resend(email),
    links(['login', t('login.title')]),
  );
}
