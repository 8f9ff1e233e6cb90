/**
 * Forms: fields with labels, hints and errors. Only one submission runs at a time. Errors are shown at their field.
 */

import { Cancelled, Problem } from './api.js';
import { fill, h } from './dom.js';
import { duration, t } from './i18n.js';
import { forget, load, save } from './storage.js';
import { fieldText, problemText } from './problems.js';

/**
 * @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Control
 *
 * @typedef {object} Field
 * @property {string} name
 * @property {HTMLElement} node
 * @property {Control} input
 * @property {(text: string) => void} blame
 * @property {boolean} draft whether its value survives a reload
 * @property {(value: string) => string | undefined} [check] returns what is wrong with a value, before it is sent
 */

let made = 0;

/**
 * Makes a field.
 * @param {object} options
 * @param {string} options.name the API's member
 * @param {string} options.label
 * @param {string} [options.hint]
 * @param {string} [options.value]
 * @param {boolean} [options.draft]
 * @param {boolean} [options.required]
 * @param {'input' | 'select' | 'textarea'} [options.tag]
 * @param {Node[]} [options.choices] of a select
 * @param {Record<string, any>} [options.attributes] of the input
 * @param {Node} [options.beside] stands beside the input
 * @param {Field['check']} [options.check]
 * @returns {Field}
 */
export function field({ name, label, hint, value, draft = false, required = true, attributes = {}, ...how }) {
  const id = `field-${(made += 1)}`;
  const { tag = 'input', choices = [], beside, check } = how;
  const about = {
    id,
    name,
    required,
    'aria-describedby': [hint && `${id}-hint`, `${id}-fault`].filter(Boolean).join(' '),
    ...attributes,
  };
  const input = h(tag, about, choices);
  const before = value ?? (draft ? load(`draft.${name}`) : undefined);
  if (before !== undefined) input.value = before;
  const fault = h('p', { class: 'fault', id: `${id}-fault` });
  const blame = (/** @type {string} */ text) => {
    fill(fault, text);
    if (text) input.setAttribute('aria-invalid', 'true');
    else input.removeAttribute('aria-invalid');
  };
  input.addEventListener('input', () => {
    blame('');
    if (draft) save(`draft.${name}`, input.value);
  });
  const node = h(
    'div',
    { class: 'field' },
    h('label', { for: id }, label),
    hint && h('p', { class: 'hint', id: `${id}-hint` }, hint),
    // Only an input has room for a button in its frame.
    tag === 'input' ? h('div', { class: 'input' }, input, beside) : input,
    fault,
  );
  return { name, node, input, blame, draft, check };
}

/**
 * Makes a field for an address.
 * @param {{value?: string, autocomplete?: string, required?: boolean, label?: string}} [options]
 */
export function emailField({ value, autocomplete = 'email', required = true, label = t('email') } = {}) {
  const attributes = { type: 'email', autocomplete, inputmode: 'email', maxlength: 320, ...plain };
  // Only what cannot be an address anywhere. The service decides about the rest.
  const check = (/** @type {string} */ text) => (/^$|^[^@]+@[^@]+$/.test(text) ? undefined : t('field.email'));
  return field({ name: 'email', label, value, required, draft: true, attributes, check });
}

/** Stops phones from correcting names, codes and passwords as if they were words. */
export const plain = { autocapitalize: 'none', autocorrect: 'off', spellcheck: 'false' };

/**
 * Makes a field for a password, with a button that shows it.
 * @param {object} options
 * @param {string} options.name
 * @param {string} options.label
 * @param {'current-password' | 'new-password'} options.autocomplete
 * @param {string} [options.hint]
 * @param {Field['check']} [options.check]
 */
export function passwordField({ name, label, autocomplete, hint, check }) {
  const button = h('button', { type: 'button', 'aria-pressed': 'false', 'aria-label': t('password.show') }, t('show'));
  const attributes = { type: 'password', autocomplete, ...plain };
  const made = field({ name, label, hint, beside: button, attributes, check });
  button.addEventListener('click', () => {
    const hidden = made.input.getAttribute('type') === 'password';
    made.input.setAttribute('type', hidden ? 'text' : 'password');
    button.setAttribute('aria-pressed', String(hidden));
    fill(button, hidden ? t('hide') : t('show'));
    made.input.focus();
  });
  return made;
}

/** How many digits a code has, by its kind. @type {Record<string, number>} */
const DIGITS = { totp: 6, sms: 6, email: 8 };

/**
 * Makes a field for a code.
 * @param {string} kind `totp`, `email`, `sms` or `recovery_code`
 * @param {object} [options]
 * @param {string} [options.label]
 * @param {string} [options.how] where the code is found, before the hint that says what it looks like
 * @param {boolean} [options.submits] whether the last digit submits the form. The hint says so (WCAG 3.2.2).
 * @param {boolean} [options.focused] whether it has the focus when its page is shown
 */
export function codeField(kind, { label, how, submits = false, focused = false } = {}) {
  const digits = DIGITS[kind];
  const hints = [how, t(`factor.${kind}.hint`), submits && digits && t('code.submits')];
  const made = field({
    name: 'code',
    label: label ?? t(`factor.${kind}.code`),
    hint: hints.filter(Boolean).join(' '),
    attributes: {
      'data-focus': focused ? 'always' : undefined,
      type: 'text',
      autocomplete: digits ? 'one-time-code' : 'off',
      inputmode: digits ? 'numeric' : undefined,
      autocapitalize: digits ? 'none' : 'characters',
      autocorrect: 'off',
      spellcheck: 'false',
      class: digits ? 'digits' : 'code',
      maxlength: 128,
    },
  });
  if (submits && digits) submitWhenComplete(made.input, digits);
  return made;
}

/**
 * Submits the form of a field once it has all digits: typed, pasted or filled in by the browser. The same code is
 * submitted again only after there was another number of digits, so a blank behind it changes nothing.
 * @param {Control} input @param {number} digits
 */
function submitWhenComplete(input, digits) {
  let submitted = '';
  input.addEventListener('input', () => {
    // Blanks, dashes and invisible marks come from where a code was copied. The service ignores them, too.
    const code = input.value.replace(/[\s\p{Pd}\p{Cf}]/gu, '');
    const complete = code.length === digits && /^\p{Nd}+$/u.test(code) ? code : '';
    const isNew = complete !== submitted;
    submitted = complete;
    if (complete && isNew) input.form?.requestSubmit();
  });
}

/**
 * Makes a form. `submit` gets the values by name; the text that it returns, if any, is shown below the fields.
 * @param {object} options
 * @param {(Field | Node)[]} options.fields
 * @param {import('./dom.js').Child} options.button
 * @param {boolean} [options.primary] whether the button is the page's main one
 * @param {boolean} [options.danger]
 * @param {boolean} [options.plain] whether the button reads like a link
 * @param {boolean} [options.reset] whether to empty the fields after a success
 * @param {(values: Record<string, string>) => Promise<string | void>} options.submit
 * @param {string} [options.name] for screen readers, which read it where the focus gets into the form
 * @param {number} [options.notBefore] until when the button waits, in milliseconds since 1970
 * @param {(problem: Problem, values: Record<string, string>) => (string | Node | undefined)} [options.explain] returns
 *   a better text for a problem than the dictionary's, or a link that helps
 * @returns {HTMLFormElement}
 */
export function form(options) {
  const { fields, button, primary = true, danger = false, reset = false, name, notBefore, submit, explain } = options;
  const kind = danger ? 'danger' : options.plain ? 'plain' : primary ? 'primary' : undefined;
  const press = h('button', { type: 'submit', class: kind }, button);
  const alert = h('div', { role: 'alert', tabindex: -1, class: 'notice bad' });
  const status = h('div', { role: 'status', class: 'notice good' });
  const timer = h('p', { class: 'countdown quiet', 'aria-hidden': 'true', hidden: true });
  const inputs = fields.filter(/** @returns {entry is Field} */ (entry) => !(entry instanceof Node));
  const element = h(
    'form',
    // If the scripts fail, the browser submits the form itself. With GET the values would be in the URL.
    { method: 'post', novalidate: true, 'aria-label': name },
    alert,
    fields.map((entry) => (entry instanceof Node ? entry : entry.node)),
    press,
    timer,
    status,
  );
  let busy = false;
  element.addEventListener('submit', async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    if (busy || press.disabled) return;
    fill(alert);
    fill(status);
    if (!complete(inputs)) return;
    const values = Object.fromEntries(inputs.map(({ name, input }) => [name, valueOf(input)]));
    busy = true;
    press.setAttribute('aria-disabled', 'true');
    element.setAttribute('aria-busy', 'true');
    try {
      const said = await submit(values);
      for (const { draft, name } of inputs) if (draft) forget(`draft.${name}`);
      if (reset) element.reset();
      fill(status, said || '');
    } catch (problem) {
      refuse(problem, values);
    } finally {
      busy = false;
      press.removeAttribute('aria-disabled');
      element.removeAttribute('aria-busy');
    }
  });

  const refuse = (/** @type {unknown} */ problem, /** @type {Record<string, string>} */ values) => {
    if (problem instanceof Cancelled) return;
    if (!(problem instanceof Problem)) throw problem;
    if (blameFields(problem, inputs, values)) return;
    fill(alert, explain?.(problem, values) ?? problemText(problem));
    // The same code would be wrong again.
    for (const { name, input } of inputs) if (name === 'code' && problem.code === 'invalid_code') empty(input);
    const first = inputs.find(({ name }) => name === 'code' || /password/.test(name));
    if (problem.retryAfter > 0) wait(Date.now() + problem.retryAfter * 1000);
    if (first && problem.retryAfter === 0) first.input.focus();
    else alert.focus();
  };

  const wait = (/** @type {number} */ end) => {
    // A form that waits from the start is not on the page yet.
    let isShown = element.isConnected;
    press.disabled = true;
    timer.hidden = false;
    const tick = () => {
      const left = (end - Date.now()) / 1000;
      if (left > 0 && (element.isConnected || !isShown)) {
        isShown ||= element.isConnected;
        fill(timer, t('wait.left', { time: duration(left) }));
        setTimeout(tick, 250);
        return;
      }
      press.disabled = false;
      timer.hidden = true;
      fill(alert);
      fill(status, t('wait.over'));
    };
    tick();
  };
  if (notBefore !== undefined && notBefore > Date.now()) wait(notBefore);
  return element;
}

/**
 * Checks what needs no request, and marks every field that has a fault: users correct them all before the next try.
 * @param {Field[]} inputs
 */
function complete(inputs) {
  const faulty = inputs.filter((entry) => {
    const text = fault(entry);
    if (text) entry.blame(text);
    return text !== undefined;
  });
  faulty[0]?.input.focus();
  return faulty.length === 0;
}

/** @param {Field} field @returns {string | undefined} */
function fault({ input, check }) {
  if (input.required && isEmpty(input)) return t(input.type === 'checkbox' ? 'field.unchecked' : 'field.missing');
  return check?.(valueOf(input));
}

/** Empties a field, and tells its listeners. @param {Control} input */
function empty(input) {
  input.value = '';
  input.dispatchEvent(new Event('input'));
}

/** @param {Control} input */
function isEmpty(input) {
  return input instanceof HTMLInputElement && input.type === 'checkbox' ? !input.checked : input.value === '';
}

/**
 * Removes spaces around a name or a code, which come from pasting. In a password every character counts.
 * @param {Control} input
 */
function valueOf(input) {
  return input.autocomplete?.endsWith('-password') ? input.value : input.value.trim();
}

/** @param {Problem} problem @param {Field[]} inputs @param {Record<string, string>} values */
function blameFields(problem, inputs, values) {
  const blamed = inputs.filter((candidate) => {
    const text = fieldText(problem, candidate.name, values);
    if (text) candidate.blame(text);
    return text !== undefined;
  });
  blamed[0]?.input.focus();
  return blamed.length > 0;
}
