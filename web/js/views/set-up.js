/** Sets up the first second factor during a login, and completes the login with it. */

import { call } from '../api.js';
import { h } from '../dom.js';
import { codeField, form } from '../forms.js';
import { clock, t } from '../i18n.js';
import { announce } from '../notice.js';
import { makePasskey, offersPasskeys } from '../passkeys.js';
import { abandon, amend, needed, pending } from '../pending.js';
import { again, go } from '../router.js';
import { deviceName } from './device.js';
import { card, links } from './parts.js';
import { explainRegistration } from './passkeys.js';
import { complete, elsewhere, expired, explainLogin, giveUp, isOver } from './second-factor.js';
import { authenticatorSteps } from './totp.js';

export async function setUp() {
  const login = pending();
  if (login?.next === 'second_factor') return elsewhere('second-factor');
  if (!login) return expired();
  if (login.alone) return passkeyOnly(login);
  // Only the login that created a secret can confirm it, so each login needs a new one.
  if (!login.totp) await renew();
  const { totp, until } = /** @type {import('../pending.js').Pending} */ (pending());
  const passkeys = offersPasskeys();
  return card(
    t('set_up.title'),
    h('p', {}, t(passkeys ? 'set_up.why_either' : 'set_up.why')),
    passkeys && [h('h2', {}, t('passkey.one')), passkeyForm(login), h('h2', {}, t('authenticator.title'))],
    totp && authenticatorSteps(totp),
    form({
      fields: [codeField('totp', { label: t('set_up.code'), submits: true })],
      button: t('set_up.submit'),
      submit: ({ code }) => complete(login, { code, method: 'totp' }),
      explain: (problem) => explainLogin(problem, login),
    }),
    h('p', { class: 'quiet small' }, t('pending.until', { time: clock(until) })),
    h('ul', { class: 'links' }, h('li', {}, renewal()), leaving('set_up.later', 'set_up.postponed')),
  );
}

/** A button that shows another secret. */
function renewal() {
  return form({
    fields: [],
    button: t('set_up.other'),
    plain: true,
    submit: async () => {
      await renew();
      again();
    },
    explain: (problem) => (isOver(problem) ? giveUp() : undefined),
  });
}

/** An account without a password begins with a passkey. @param {import('../pending.js').Pending} login */
function passkeyOnly(login) {
  return card(
    t('set_up.passkey_title'),
    passkeyForm(login),
    h('p', { class: 'quiet small' }, t('set_up.passkey_until', { time: clock(login.until) })),
    h('ul', { class: 'links' }, leaving('cancel', 'set_up.cancelled')),
  );
}

/** The account is gone with the time that it had. */
function expiredRegistration() {
  abandon();
  return h('div', {}, h('p', {}, t('set_up.expired')), links(['register', t('register.link')]));
}

/**
 * Registers a passkey. The login then asks for it like any other, so that a user who cancels that can try again.
 * @param {import('../pending.js').Pending} login
 */
function passkeyForm({ token, alone }) {
  return form({
    fields: [h('p', {}, t('passkey.about'))],
    button: t('passkey.add'),
    primary: alone ?? false,
    submit: async () => {
      const { options } = await call('POST', '2fa/passkeys/options', undefined, token);
      const body = { credential: await makePasskey(options), name: deviceName(navigator.userAgent) };
      const { recovery_codes: recoveryCodes } = await call('POST', '2fa/passkeys', body, token);
      amend({ next: 'second_factor', methods: [{ type: 'passkey' }], method: 'passkey', recoveryCodes });
      go('second-factor', { replace: true });
    },
    explain: (problem) => {
      if (!isOver(problem)) return explainRegistration(problem);
      return alone ? expiredRegistration() : giveUp();
    },
  });
}

/** Gets a new secret. The one before no longer works. */
async function renew() {
  const totp = await call('POST', '2fa/totp', undefined, pending()?.token);
  amend({ totp: needed(totp) });
}

/**
 * An entry with a button that leaves the page. If the second factor is optional, the password is enough for the next login. Otherwise
 * it leads back here.
 * @param {string} label the key of its text @param {string} notice the key of what is said then
 */
function leaving(label, notice) {
  const leave = () => {
    abandon();
    announce(notice, 'warn');
    go('login');
  };
  return h('li', {}, h('button', { type: 'button', class: 'plain', on: { click: leave } }, t(label)));
}
