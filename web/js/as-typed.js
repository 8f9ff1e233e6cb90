/**
 * Shows a page again with what the user has typed into it: an act at one part of a page, or the choice of another
 * language, must not undo what is in another part.
 */

import { again, here } from './router.js';

/** The controls that the user has changed. @type {WeakSet<EventTarget>} */
const typed = new WeakSet();
document.addEventListener('input', ({ target }) => target && typed.add(target));

/** @typedef {HTMLInputElement & HTMLSelectElement & HTMLTextAreaElement} Control */

/** The controls of the page, by their names and places. @returns {Map<string, Control>} */
function controls() {
  const all = [.../** @type {NodeListOf<Control>} */ (document.querySelectorAll('#main form [name]'))];
  const place = (/** @type {Control} */ { name }, /** @type {number} */ index) =>
    `${name} ${all.slice(0, index).filter((other) => other.name === name).length}`;
  return new Map(all.map((control, index) => [place(control, index), control]));
}

/** The parts of the page that have a form, and that the user opens. */
function folds() {
  return [.../** @type {NodeListOf<HTMLDetailsElement>} */ (document.querySelectorAll('#main details:has(form)'))];
}

/**
 * Shows the current page again: only if it is still this one, where the user may have gone on during a request.
 * @param {string} [page]
 */
export async function againAsTyped(page = here()) {
  const url = location.href;
  const before = [...controls()].filter(([, control]) => typed.has(control));
  const opened = folds().map(({ open }) => open);
  await again(page);
  // The user may have gone on meanwhile.
  if (location.href !== url) return;
  const now = controls();
  for (const [name, control] of before) {
    const same = now.get(name);
    if (same) restore(same, control);
  }
  const present = folds();
  if (present.length === opened.length) present.forEach((fold, index) => (fold.open ||= opened[index]));
}

/** @param {Control} control @param {Control} before what the user typed into */
function restore(control, { value, checked }) {
  Object.assign(control, { value, checked });
  // The last digit of a code sends it. It was sent when it was typed.
  if (control.autocomplete === 'one-time-code') typed.add(control);
  else control.dispatchEvent(new Event('input', { bubbles: true }));
}
