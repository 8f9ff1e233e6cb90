/** Signs in with a password. */

import { Problem, call } from '../api.js';
import { h } from '../dom.js';
import { field, form, passwordField, plain } from '../forms.js';
import { t } from '../i18n.js';
import { offersPasskeys, suggestPasskeys, usePasskey } from '../passkeys.js';
import { enter } from '../pending.js';
import { problemText } from '../problems.js';
import { go } from '../router.js';
import { load } from '../storage.js';
import { work } from '../work.js';
import { card, links } from './parts.js';
import { otherWays } from './providers.js';

/** @param {import('../pages.js').Context} context */
export function login({ signal }) {
  const passkeys = offersPasskeys();
  const autocomplete = passkeys ? 'username webauthn' : 'username';
  /** @type {import('../federation.js').Provider | undefined} */
  const connecting = load('connect');
  const working = work();
  return card(
    t('login.title'),
    connecting && h('p', { class: 'notice' }, t('federation.connect_first', { name: connecting.name })),
    form({
      fields: [
        field({
          name: 'name',
          label: t('login.name'),
          draft: true,
          attributes: { type: 'text', autocomplete, 'data-focus': true, maxlength: 320, ...plain },
        }),
        passwordField({ name: 'password', label: t('password'), autocomplete: 'current-password' }),
        working.place,
      ],
      button: t('login.submit'),
      submit: async ({ name, password }) => {
        const identifier = identify(name);
        const body = { ...identifier, password, delivery: 'cookie' };
        const answer = await working.send((altcha) => call('POST', 'login', { ...body, altcha }));
        go(enter(answer, identifier.email));
      },
      explain: (problem, { name }) => (problem.code === 'email_not_verified' ? unverified(problem, name) : undefined),
    }),
    passkeys && passkeySignIn(signal),
    links(
      ['forgot-password', t('forgot_password.link')],
      ['login-by-mail', t('login_by_mail.link')],
      ['lost-device', t('lost_device.link')],
      ['register', t('register.link')],
    ),
    // The provider that is to be connected does not lead to the account yet.
    otherWays({ except: connecting?.id }),
  );
}

/**
 * Tells an address from a user name: only an address contains `@`.
 * @param {string} name
 * @returns {{email?: string, username?: string}}
 */
function identify(name) {
  return name.includes('@') ? { email: name } : { username: name };
}

/** Signs in with a passkey alone: by a button, or by a suggestion of the browser. @param {AbortSignal} signal */
function passkeySignIn(signal) {
  const getOptions = () => call('POST', 'passkey/options');
  /** @type {object | undefined} */
  let suggested;
  const suggest = async () => {
    suggested = await suggestPasskeys(getOptions, signal);
    if (suggested) element.requestSubmit();
  };
  const element = form({
    fields: [],
    button: t('login.passkey'),
    primary: false,
    submit: async () => {
      const chosen = suggested;
      suggested = undefined;
      try {
        const credential = chosen ?? (await usePasskey((await getOptions()).options));
        go(enter(await call('POST', 'passkey/verify', { credential, delivery: 'cookie' })));
      } catch (problem) {
        suggest();
        throw problem;
      }
    },
    explain: (problem) => (problem.code === 'invalid_credentials' ? t('passkey.unknown') : undefined),
  });
  suggest();
  return element;
}

/** @param {Problem} problem @param {string} email */
function unverified(problem, email) {
  return h('div', { class: 'stack' }, h('p', {}, problemText(problem)), email.includes('@') && resend(email));
}

/** Sends the mail with the link that confirms an address again. @param {string} email */
export function resend(email) {
  return h(
    'button',
    {
      type: 'button',
      on: {
        click: async (/** @type {MouseEvent} */ { currentTarget }) => {
          const button = /** @type {HTMLButtonElement} */ (currentTarget);
          button.disabled = true;
          try {
            await call('POST', 'email/verify/request', { email });
            button.textContent = t('verify_email.sent');
          } catch (problem) {
            button.disabled = false;
            if (problem instanceof Problem) button.textContent = problemText(problem);
          }
        },
      },
    },
    t('verify_email.resend'),
  );
}
