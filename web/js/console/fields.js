/**
 * Fields that the account pages do not need: choices, lists and searches.
 */

import { h } from '../dom.js';
import { field, plain } from '../forms.js';
import { checkbox } from '../views/recovery-codes.js';

/** @param {{name: string, label: string, hint?: string, value: string}} what */
export function searchField(what) {
  return field({
    ...what,
    required: false,
    attributes: { type: 'search', autocomplete: 'off', maxlength: 320, ...plain },
  });
}

/**
 * A choice of one.
 * @param {{name: string, label: string, hint?: string, value?: string, choices: [string, string][]}} what the choices
 *   are values and what they are called
 */
export function choice({ choices, ...what }) {
  const options = choices.map(([value, text]) => h('option', { value }, text));
  return field({ ...what, tag: 'select', choices: options, required: false });
}

/**
 * A box to tick.
 * @param {string} name @param {string} label @param {boolean} [before] whether it is ticked at first
 */
export function tick(name, label, before = false) {
  const made = checkbox(name, label, { required: false });
  const box = /** @type {HTMLInputElement} */ (made.input);
  box.checked = before;
  return { ...made, isTicked: () => box.checked };
}

/**
 * A field for several lines.
 * @param {{name: string, label: string, hint: string, value: string, rows: number}} what
 */
export function lines({ rows, ...what }) {
  const attributes = { rows, autocomplete: 'off', ...plain };
  return field({ ...what, required: false, tag: 'textarea', attributes });
}

/** A field for a time, in the zone of this machine. @param {Parameters<typeof field>[0]} what */
export function timeField(what) {
  return field({ ...what, attributes: { type: 'datetime-local', autocomplete: 'off' } });
}
