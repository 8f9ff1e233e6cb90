/** Sets up the first authenticator during a login. Its first code completes the login. */

import { call } from '../api.js';
import { h } from '../dom.js';
import { codeField, form } from '../forms.js';
import { moment, t } from '../i18n.js';
import { save } from '../storage.js';
import { abandon, amend, needed, pending } from '../pending.js';
import { problemText } from '../problems.js';
import { again, go } from '../router.js';
import { accept } from '../session.js';
import { card } from './parts.js';
import { expired, landed } from './second-factor.js';
import { resend } from './login.js';
import { authenticatorSteps } from './totp.js';

export async function setUp() {
  const login = pending();
  if (login?.next !== 'enrolment') return expired();
  // Only the login that created a secret can confirm it, so each login needs a new one.
  if (!login.totp) await renew();
  const { totp, token, until, email } = /** @type {import('../pending.js').Pending} */ (pending());
  return card(
    t('set_up.title'),
    h('p', {}, t('set_up.why')),
    totp && authenticatorSteps(totp),
    form({
      fields: [codeField('totp', t('set_up.code'))],
      button: t('set_up.submit'),
      submit: async ({ code }) => {
        const tokens = await call('POST', '2fa/verify', {
          pre_auth_token: token,
          code,
          method: 'totp',
          delivery: 'cookie',
        });
        abandon();
        if (tokens.recovery_codes) save('recoveryCodes', tokens.recovery_codes);
        accept(tokens, { begins: true });
        landed(tokens);
      },
      explain: (problem) => {
        if (problem.code === 'invalid_pre_auth_token') return expired(true);
        if (problem.code !== 'email_not_verified') return undefined;
        return h('div', { class: 'stack' }, h('p', {}, problemText(problem)), email && resend(email));
      },
    }),
    h('p', { class: 'quiet small' }, t('pending.until', { time: moment(until) })),
    form({
      fields: [],
      button: t('set_up.other'),
      primary: false,
      submit: async () => {
        await renew();
        again();
      },
      explain: (problem) => (problem.code === 'invalid_pre_auth_token' ? expired(true) : undefined),
    }),
    h('button', { type: 'button', class: 'plain', on: { click: later } }, t('set_up.later')),
  );
}

/** Gets a new secret. The one before no longer works. */
async function renew() {
  const totp = await call('POST', '2fa/totp', undefined, pending()?.token);
  amend({ totp: needed(totp) });
}

/** If the second factor is optional, the password is enough for the next login. Otherwise it leads back here. */
async function later() {
  abandon();
  go('login');
}
