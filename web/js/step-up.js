/**
 * If a request requires a recent proof (RFC 9470), asks for one and sends the request again.
 */

import { Cancelled, Problem } from './api.js';
import { h } from './dom.js';
import { codeField, form, passwordField } from './forms.js';
import { t } from './i18n.js';
import { knowsPasskeys, usePasskey } from './passkeys.js';
import { authorized, stepUp } from './session.js';

/**
 * Sends a request. If it requires a recent proof, asks for one and sends the request again. If that proof is not
 * enough, the second answer demands the other one.
 * @param {string} method @param {string} path @param {object} [body]
 * @param {string} [why] what the dialog says
 */
export async function sensitive(method, path, body, why) {
  for (;;) {
    try {
      return await authorized(method, path, body);
    } catch (problem) {
      await prove(problem, why);
    }
  }
}

/** The question that is open. Requests that were sent together share it. @type {Promise<void> | undefined} */
let asking;

/**
 * Asks for the proof that an error demands. Rethrows other errors, and those that the account has no proof for.
 * @param {unknown} demand
 * @param {string} [why] what the dialog says
 */
export async function prove(demand, why = t('step_up.why')) {
  if (!(demand instanceof Problem) || demand.code !== 'insufficient_user_authentication') throw demand;
  // The service names the accepted methods. Another method could be right, but would not satisfy this demand.
  const ways = [...demand.members.accepted_methods].sort(unusableLast);
  if (ways.length === 0) throw demand;
  asking ??= new Promise((/** @type {(value?: any) => void} */ resolve, reject) => {
    open(ways, why, resolve, () => reject(new Cancelled()));
  }).finally(() => (asking = undefined));
  await asking;
}

/** @param {string} one @param {string} other */
function unusableLast(one, other) {
  const isUnusable = (/** @type {string} */ way) => Number(way === 'passkey' && !knowsPasskeys());
  return isUnusable(one) - isUnusable(other);
}

/** @param {string[]} ways @param {string} why @param {(value?: any) => void} done @param {() => void} cancel */
function open(ways, why, done, cancel) {
  const dialog = h('dialog', { 'aria-labelledby': 'step-up-title' });
  let verified = false;
  const show = (/** @type {string} */ way) => {
    const others = ways.filter((other) => other !== way);
    dialog.replaceChildren(
      h(
        'div',
        { class: 'stack' },
        h('h2', { id: 'step-up-title', tabindex: -1 }, t('step_up.title')),
        h('p', {}, why),
        proofForm(way, async (proof) => {
          await stepUp(proof);
          verified = true;
          dialog.close();
        }),
        h(
          'ul',
          { class: 'links' },
          others.map((other) =>
            h(
              'li',
              {},
              switchTo(other, () => show(other)),
            ),
          ),
        ),
        h('button', { type: 'button', on: { click: () => dialog.close() } }, t('cancel')),
      ),
    );
    (dialog.querySelector('input') ?? dialog.querySelector('button'))?.focus();
  };
  dialog.addEventListener('close', () => {
    dialog.remove();
    if (verified) done();
    else cancel();
  });
  document.body.append(dialog);
  dialog.showModal();
  show(ways[0]);
}

/** @param {string} way @param {(proof: object) => Promise<void>} send */
function proofForm(way, send) {
  if (way === 'password') {
    return form({
      // Without the name beside it password managers do not know whose it is.
      fields: [ownName(), passwordField({ name: 'password', label: t('password'), autocomplete: 'current-password' })],
      button: t('confirm'),
      submit: ({ password }) => send({ password }),
    });
  }
  if (way === 'passkey') return passkeyForm(send);
  const sent = way === 'email' || way === 'sms';
  const entry = form({
    fields: [codeField(way, { submits: true })],
    button: t('confirm'),
    submit: ({ code }) => send({ code, method: way }),
  });
  return sent ? h('div', { class: 'stack' }, sender(way), entry) : entry;
}

/** A hidden field with the name of the account, for password managers. */
function ownName() {
  const input = h('input', { type: 'text', autocomplete: 'username', hidden: true });
  // The dialog does not wait for it, and works without.
  authorized('GET', 'me').then(
    (me) => (input.value = me.email ?? me.username),
    () => {},
  );
  return input;
}

/** @param {(proof: object) => Promise<void>} send */
function passkeyForm(send) {
  return form({
    fields: [h('p', {}, t('factor.passkey.how'))],
    button: t('factor.passkey.use'),
    submit: async () => {
      const { options } = await authorized('POST', '2fa/challenge', { method: 'passkey' });
      await send({ passkey: await usePasskey(options) });
    },
    explain: (problem) => (problem.code === 'invalid_code' ? t('passkey.wrong') : undefined),
  });
}

/** @param {string} way */
function sender(way) {
  return form({
    fields: [],
    button: t(`factor.${way}.send`),
    primary: false,
    submit: async () => {
      const { hint } = await authorized('POST', '2fa/challenge', { method: way });
      return t('second_factor.sent', { hint });
    },
  });
}

/** @param {string} way @param {() => void} choose */
function switchTo(way, choose) {
  return h('button', { type: 'button', class: 'plain', on: { click: choose } }, t(`factor.${way}.use`));
}
