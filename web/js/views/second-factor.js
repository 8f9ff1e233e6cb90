/** The second factor of a login: a passkey, a code of an app, a recovery code, or a sent code. */

import { Problem, call } from '../api.js';
import { h } from '../dom.js';
import { codeField, form } from '../forms.js';
import { plural, t } from '../i18n.js';
import { knowsPasskeys, usePasskey } from '../passkeys.js';
import { problemText } from '../problems.js';
import { forget, load, save } from '../storage.js';
import { abandon, amend, pending } from '../pending.js';
import { again, go } from '../router.js';
import { accept } from '../session.js';
import { work } from '../work.js';
import { resend } from './login.js';
import { card, links } from './parts.js';
import { checkbox } from './recovery-codes.js';

export function secondFactor() {
  const login = pending();
  if (login?.next === 'enrolment') return elsewhere('set-up');
  if (!login) return expired();
  if (login.methods.length === 0) return nothingAccepted();
  const usable = login.methods.find(({ type }) => type !== 'passkey' || knowsPasskeys());
  const wanted = login.methods.find(({ type }) => type === login.method);
  const method = (wanted?.type === 'passkey' && !knowsPasskeys() ? usable : wanted) ?? login.methods[0];
  const others = login.methods.filter((other) => other !== method);
  return card(
    t(login.alone ? 'second_factor.alone_title' : 'second_factor.title'),
    method.hint ? sender(login.token, method) : h('p', {}, t(`factor.${method.type}.how`)),
    method.type === 'passkey' ? passkeyForm(login) : codeForm(login, method.type),
    others.length > 0 && h('p', {}, t('second_factor.others')),
    h(
      'ul',
      { class: 'links' },
      others.map(({ type }) => h('li', {}, choice(type))),
      h('li', {}, cancellation()),
    ),
  );
}

/** The factors that a device can be trusted with. */
const TRUSTING = ['passkey', 'totp', 'sms'];

/**
 * Offers to trust this device, if the service and the method allow it.
 * @param {import('../pending.js').Pending} login @param {string} method
 */
function trust({ trustedDays }, method) {
  const box =
    trustedDays && TRUSTING.includes(method)
      ? checkbox('trust_device', plural('second_factor.trust', trustedDays), { required: false })
      : undefined;
  const chosen = () => (box?.input instanceof HTMLInputElement && box.input.checked ? { trust_device: true } : {});
  return { fields: box ? [box] : [], chosen };
}

/** @param {import('../pending.js').Pending} login @param {string} method */
function codeForm(login, method) {
  const { fields, chosen } = trust(login, method);
  const working = work();
  return form({
    fields: [codeField(method), ...fields, working.place],
    button: t('login.submit'),
    submit: ({ code }) => complete(login, { code, method, ...chosen() }, working.send),
    explain: (problem) => explainLogin(problem, login),
  });
}

/** @param {import('../pending.js').Pending} login */
function passkeyForm(login) {
  const { fields, chosen } = trust(login, 'passkey');
  const working = work();
  return form({
    fields: [...fields, working.place],
    button: t('factor.passkey.use'),
    submit: async () => {
      const challenge = { pre_auth_token: login.token, method: 'passkey' };
      const { options } = await call('POST', '2fa/challenge', challenge);
      await complete(login, { passkey: await usePasskey(options), ...chosen() }, working.send);
    },
    explain: (problem) => (problem.code === 'invalid_code' ? t('passkey.wrong') : explainLogin(problem, login)),
  });
}

/**
 * Completes a login, and shows the page that follows.
 * @param {import('../pending.js').Pending} login
 * @param {object} proof
 * @param {(request: (altcha?: string) => Promise<any>) => Promise<any>} [send] computes if the service asks for work
 */
export async function complete({ token, recoveryCodes: made }, proof, send = (request) => request()) {
  const body = { ...proof, pre_auth_token: token, delivery: 'cookie' };
  const tokens = await send((altcha) => call('POST', '2fa/verify', { ...body, altcha }));
  const codes = tokens.recovery_codes ?? made;
  abandon();
  if (codes) save('recoveryCodes', codes);
  accept(tokens, { begins: true });
  landed(codes !== undefined, tokens.advice ?? []);
}

/**
 * Explains why a login is not completed.
 * @param {Problem} problem
 * @param {import('../pending.js').Pending} login
 */
export function explainLogin(problem, { email }) {
  if (problem.code === 'invalid_pre_auth_token') return expired(true);
  if (problem.code !== 'email_not_verified') return undefined;
  return h('div', { class: 'stack' }, h('p', {}, problemText(problem)), email && resend(email));
}

/** A login that no second factor of the account can complete. */
function nothingAccepted() {
  const ways = h('ul', { class: 'links' }, h('li', {}, cancellation()));
  return card(t('second_factor.title'), h('p', {}, t('second_factor.none')), ways);
}

function cancellation() {
  return h('button', { type: 'button', class: 'plain', on: { click: cancel } }, t('second_factor.cancel'));
}

/** @param {string} type */
function choice(type) {
  const choose = () => {
    amend({ method: type });
    again();
  };
  return h('button', { type: 'button', class: 'plain', on: { click: choose } }, t(`factor.${type}.use`));
}

/** Sends a code when the user asks for it. @param {string} token @param {import('../pending.js').Method} method */
function sender(token, { type, hint = '' }) {
  return form({
    fields: [h('p', {}, t(`factor.${type}.how`, { hint }))],
    button: t(`factor.${type}.send`),
    primary: false,
    submit: async () => {
      const sent = await call('POST', '2fa/challenge', { pre_auth_token: token, method: type });
      return t('second_factor.sent', { hint: sent.hint });
    },
    explain: (problem) => (problem.code === 'invalid_pre_auth_token' ? expired(true) : undefined),
  });
}

/** Also ends the pending login on the server. If the request does not arrive, the login expires within minutes. */
async function cancel() {
  const token = pending()?.token;
  abandon();
  try {
    await call('POST', 'logout', undefined, token);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
  }
  go('login');
}

/** Shows the page that follows a completed login. @param {boolean} withCodes @param {string[]} advice */
function landed(withCodes, advice) {
  const next = load('next') ?? '';
  if (withCodes) {
    go('recovery-codes', { replace: true });
    return;
  }
  forget('next');
  if (advice.length > 0) save('advice', advice);
  // An application, a device or a provider waits for the user. The security page shows the advice when they come there.
  const isAwaited = ['authorize', 'device', 'federation'].includes(next);
  go(advice.length > 0 && !isAwaited ? 'security' : next, { replace: true });
}

/** The history leads to the page of another step. The login that waits must not end for that. @param {string} page */
export function elsewhere(page) {
  go(page, { replace: true });
  return h('div');
}

/**
 * Says that no login waits for a code.
 * @param {boolean} [inForm] whether it is shown in a form's notice
 */
export function expired(inForm = false) {
  abandon();
  if (inForm) return h('div', {}, h('p', {}, t('problem.invalid_pre_auth_token')), links(['login', t('login.again')]));
  return card(t('pending.none'), h('p', {}, t('problem.invalid_pre_auth_token')), links(['login', t('login.title')]));
}
