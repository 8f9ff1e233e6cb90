/** How the user signs in: password, accounts of other services, passkeys, authenticator, recovery codes, sent codes. */

import { h } from '../dom.js';
import { codeField, form, passwordField } from '../forms.js';
import { day, moment, plural, t } from '../i18n.js';
import { keepCodes } from '../recovery-codes.js';
import { forget, load, save } from '../storage.js';
import { again, go } from '../router.js';
import { authorized } from '../session.js';
import { prove, sensitive } from '../step-up.js';
import { deviceName } from './device.js';
import { connectedAccounts } from './identities.js';
import { emailCodes, phoneCodes } from './sent-codes.js';
import { facts, link, section, stack } from './parts.js';
import { passkeyList } from './passkeys.js';
import { password } from './password.js';

/** With this many recovery codes or fewer, the page warns. */
const LOW = 3;

export async function security() {
  const [me, state, { devices }, connected] = await Promise.all([
    authorized('GET', 'me'),
    authorized('GET', '2fa'),
    authorized('GET', 'devices'),
    connectedAccounts(),
  ]);
  const active = (/** @type {string} */ type) => find(state, type, 'active');
  const withPasskeys = state.available.includes('passkey') || active('passkey');
  const passkeys = withPasskeys ? (await authorized('GET', '2fa/passkeys')).passkeys : [];
  const advice = load('advice') ?? [];
  forget('advice');
  return stack(
    t('security.title'),
    advice.map((/** @type {string} */ key) => h('p', { class: 'notice warn', role: 'status' }, t(`advice.${key}`))),
    section(t('password'), password(me, passkeys.length > 0)),
    withPasskeys && section(t('passkey.title'), passkeyList(passkeys, me)),
    connected,
    (state.available.includes('totp') || active('totp')) &&
      section(t('authenticator.title'), authenticatorState(me, state, active('totp'))),
    section(t('recovery_codes.title'), recoveryCodesState(state)),
    (state.available.includes('email') || active('email')) &&
      section(t('factor.email.title'), emailCodes(me, active('email'), find(state, 'email', 'pending'))),
    (state.available.includes('sms') || active('sms')) &&
      section(t('factor.sms.title'), phoneCodes(active('sms'), find(state, 'sms', 'pending'))),
    devices.length > 0 && section(t('trusted_devices.title'), trustedDevices(devices)),
  );
}

/** @param {any} state @param {string} type @param {string} wanted */
function find(state, type, wanted) {
  return state.factors.find((/** @type {any} */ factor) => factor.type === type && factor.state === wanted);
}

/** @param {any} me @param {any} state @param {any} factor */
function authenticatorState(me, state, factor) {
  if (!factor)
    return [h('p', {}, t('authenticator.none')), h('p', {}, link('authenticator', t('authenticator.set_up'), 'button'))];
  const others = state.factors.some((/** @type {any} */ other) => other.type !== 'totp' && other.state === 'active');
  return [
    facts(
      [t('factor.since'), moment(factor.confirmed_at)],
      [t('factor.used'), factor.last_used_at ? moment(factor.last_used_at) : t('never')],
    ),
    h('p', {}, link('authenticator', t('authenticator.replace'), 'button')),
    (state.policy === 'optional' || others) && removal(me),
  ];
}

/** @param {any} me */
function removal(me) {
  return h(
    'details',
    {},
    h('summary', {}, t('authenticator.remove')),
    form({
      fields: [
        ...(me.has_password
          ? [passwordField({ name: 'password', label: t('password'), autocomplete: 'current-password' })]
          : []),
        codeField('totp'),
      ],
      button: t('authenticator.remove'),
      danger: true,
      submit: async ({ password, code }) => {
        try {
          await authorized('DELETE', '2fa/totp', { password, code });
        } catch (problem) {
          // The step-up may have used a later code, and then the service refuses this one.
          await prove(problem);
          return t('authenticator.next_code');
        }
        again('security');
      },
      explain: (problem) => (problem.code === 'invalid_credentials' ? t('password.wrong') : undefined),
    }),
  );
}

/** @param {any} state */
function recoveryCodesState(state) {
  const left = state.recovery_codes_remaining;
  return [
    h('p', { class: left <= LOW ? 'notice warn' : undefined }, plural('recovery_codes.left', left)),
    form({
      fields: [h('p', {}, t('recovery_codes.renewing'))],
      button: t('recovery_codes.renew'),
      primary: false,
      submit: async () => {
        const { recovery_codes } = await sensitive('POST', '2fa/recovery-codes');
        keepCodes(recovery_codes);
        save('next', 'security');
        go('recovery-codes');
      },
      explain: (problem) => (problem.code === 'conflict' ? t('recovery_codes.no_factor') : undefined),
    }),
  ];
}

/** @param {any[]} devices of `GET /devices` */
function trustedDevices(devices) {
  return [
    h('p', {}, t('trusted_devices.about')),
    h(
      'ul',
      { class: 'list' },
      devices.map((device) => h('li', {}, aboutDevice(device), endTrust(device))),
    ),
  ];
}

/** @param {any} device */
function aboutDevice({ user_agent, ip, expires_at, last_used_at }) {
  const values = { ip: ip ?? '–', time: last_used_at ? moment(last_used_at) : t('never') };
  return h(
    'div',
    {},
    h('p', {}, h('strong', {}, deviceName(user_agent)), t('trusted_devices.until', { day: day(expires_at) })),
    h('p', { class: 'quiet small' }, t('trusted_devices.used', values)),
  );
}

/** @param {any} device */
function endTrust({ id }) {
  return form({
    fields: [],
    button: t('factor.remove'),
    primary: false,
    submit: async () => {
      await authorized('DELETE', `devices/${id}`);
      again('security');
    },
    explain: (problem) => (problem.code === 'not_found' ? t('trusted_devices.gone') : undefined),
  });
}
