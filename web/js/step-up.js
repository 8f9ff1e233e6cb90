/**
 * Asks for one more proof, where a request wants a recent one (RFC 9470), and sends the request again.
 */

import { Cancelled, Problem } from './api.js';
import { h } from './dom.js';
import { codeField, form, passwordField } from './forms.js';
import { t } from './i18n.js';
import { accept, authorized, current } from './session.js';

/**
 * Sends a request; where it wants a recent proof, asks for one and sends it again.
 * @param {string} method @param {string} path @param {object} [body]
 */
export async function sensitive(method, path, body) {
  try {
    return await authorized(method, path, body);
  } catch (problem) {
    await prove(problem);
    return authorized(method, path, body);
  }
}

/** Asks for what an error demands; an error that demands no proof is thrown on. @param {unknown} demand */
export async function prove(demand) {
  if (!(demand instanceof Problem) || demand.code !== 'insufficient_user_authentication') throw demand;
  const { factors, recovery_codes_remaining: left } = await authorized('GET', '2fa');
  const active = factors
    .filter((/** @type {any} */ factor) => factor.state === 'active')
    .map((/** @type {any} */ factor) => factor.type);
  // A password says nothing new to a session that has shown one factor where two are wanted.
  const password = current()?.about.acr === demand.members.acr_values;
  const ways = [...active, ...(left > 0 ? ['recovery_code'] : []), ...(password ? ['password'] : [])];
  await new Promise((resolve, reject) => open(ways, resolve, () => reject(new Cancelled())));
}

/** @param {string[]} ways @param {(value?: any) => void} done @param {() => void} cancel */
function open(ways, done, cancel) {
  const dialog = h('dialog', { 'aria-labelledby': 'step-up-title' });
  let proven = false;
  const show = (/** @type {string} */ way) => {
    const others = ways.filter((other) => other !== way);
    dialog.replaceChildren(
      h(
        'div',
        { class: 'stack' },
        h('h2', { id: 'step-up-title', tabindex: -1 }, t('step_up.title')),
        h('p', {}, t('step_up.why')),
        proofForm(way, async (proof) => {
          accept(await authorized('POST', 'step-up', proof));
          proven = true;
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
    dialog.querySelector('input')?.focus();
  };
  dialog.addEventListener('close', () => {
    dialog.remove();
    if (proven) done();
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
      fields: [passwordField({ name: 'password', label: t('password'), autocomplete: 'current-password' })],
      button: t('confirm'),
      submit: ({ password }) => send({ password }),
    });
  }
  const sent = way === 'email' || way === 'sms';
  const entry = form({
    fields: [codeField(way)],
    button: t('confirm'),
    submit: ({ code }) => send({ code, method: way }),
  });
  return sent ? h('div', { class: 'stack' }, sender(way), entry) : entry;
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
