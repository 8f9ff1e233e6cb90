/** The second factor of a login: a passkey, a code of an app, a recovery code, or a sent code. */

import { Problem, call } from '../api.js';
import { h } from '../dom.js';
import { codeField, form } from '../forms.js';
import { plural, t } from '../i18n.js';
import { knowsPasskeys, usePasskey } from '../passkeys.js';
import { abandon, amend, pending } from '../pending.js';
import { problemText } from '../problems.js';
import { keepCodes } from '../recovery-codes.js';
import { again, go } from '../router.js';
import { accept } from '../session.js';
import { forget, load, save } from '../storage.js';
import { work } from '../work.js';
import { resend } from './login.js';
import { card } from './parts.js';
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
  const isOnPhone = ['totp', 'sms'].includes(method.type);
  return card(
    t(login.alone ? 'second_factor.alone_title' : 'second_factor.title'),
    method.type === 'passkey' ? passkeyForm(login) : codeForms(login, method),
    others.length > 0 && h('p', {}, t(isOnPhone ? 'second_factor.lost_phone' : 'second_factor.others')),
    others.length > 0 &&
      h(
        'ul',
        { class: 'links' },
        others.map(({ type }) => h('li', {}, choice(type))),
      ),
    cancellation(),
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

/**
 * The form for a code, and before it the one that sends it, if the service does.
 * @param {import('../pending.js').Pending} login @param {import('../pending.js').Method} method
 */
function codeForms(login, { type: method, hint }) {
  const { fields, chosen } = trust(login, method);
  const working = work();
  const how = hint ? undefined : t(`factor.${method}.how`);
  const code = codeField(method, { how, submits: true, focused: !hint });
  const entry = form({
    name: t('second_factor.title'),
    // What there is to choose stands before the code, whose last digit submits the form.
    fields: [...fields, code, working.place],
    button: t('login.submit'),
    submit: ({ code }) => complete(login, { code, method, ...chosen() }, working.send),
    explain: (problem) => explainLogin(problem, login),
  });
  return hint ? [sender(login.token, { type: method, hint }, () => code.input.focus()), entry] : entry;
}

/** @param {import('../pending.js').Pending} login */
function passkeyForm(login) {
  const { fields, chosen } = trust(login, 'passkey');
  const working = work();
  return form({
    fields: [h('p', {}, t('factor.passkey.how')), ...fields, working.place],
    button: t('factor.passkey.use'),
    submit: async () => {
      const challenge = { pre_auth_token: login.token, method: 'passkey' };
      const { options } = await call('POST', '2fa/challenge', challenge);
      await complete(login, { passkey: await usePasskey(options), ...chosen() }, working.send);
    },
    explain: (problem) => {
      const text = explainLogin(problem, login);
      return text ?? (problem.code === 'invalid_code' ? t('passkey.wrong') : undefined);
    },
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
  accept(tokens, { begins: true });
  if (codes) keepCodes(codes);
  landed(codes !== undefined, tokens.advice ?? []);
}

/**
 * Explains why a login is not completed. If it never can be, the page that says so takes the place of this one.
 * @param {Problem} problem
 * @param {import('../pending.js').Pending} login
 */
export function explainLogin(problem, { email }) {
  if (isOver(problem)) return giveUp();
  if (problem.code !== 'email_not_verified') return undefined;
  return h('div', { class: 'stack' }, h('p', {}, problemText(problem)), email && resend(email));
}

/** A login that no second factor of the account can complete. */
function nothingAccepted() {
  return card(t('second_factor.title'), h('p', {}, t('second_factor.none')), cancellation());
}

function cancellation() {
  const button = h('button', { type: 'button', class: 'plain', on: { click: cancel } }, t('second_factor.cancel'));
  return h('ul', { class: 'links' }, h('li', {}, button));
}

/** @param {string} type */
function choice(type) {
  const choose = () => {
    amend({ method: type });
    again();
  };
  return h('button', { type: 'button', class: 'plain', on: { click: choose } }, t(`factor.${type}.use`));
}

/**
 * Sends a code when the user asks for it.
 * @param {string} token @param {import('../pending.js').Method} method @param {() => void} next
 */
function sender(token, { type, hint = '' }, next) {
  return form({
    fields: [h('p', {}, t(`factor.${type}.how`, { hint }))],
    button: t(`factor.${type}.send`),
    primary: false,
    submit: async () => {
      const sent = await call('POST', '2fa/challenge', { pre_auth_token: token, method: type });
      next();
      return t('second_factor.sent', { hint: sent.hint });
    },
    explain: (problem) => (isOver(problem) ? giveUp() : undefined),
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

/** Returns whether a login has ended without a session: too late, or with its last attempt. @param {Problem} problem */
export function isOver({ code, members }) {
  return code === 'invalid_pre_auth_token' || (code === 'invalid_code' && members.attempts_remaining === 0);
}

/** Forgets a login that is over. The page is then shown again, and offers nothing but another sign-in. */
export function giveUp() {
  abandon();
  again();
  return '';
}

/** Says that no login waits for a code. */
export function expired() {
  const signIn = () => go('login');
  return card(
    t('pending.none'),
    h('p', {}, t('problem.invalid_pre_auth_token')),
    h('button', { type: 'button', class: 'primary', on: { click: signIn } }, t('login.again')),
  );
}
