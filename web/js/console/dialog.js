/**
 * The question before an act that is hard to undo. It names its object.
 */

import { Problem } from '../api.js';
import { h } from '../dom.js';
import { field, form, plain } from '../forms.js';
import { t } from '../i18n.js';

/**
 * Asks, acts if the answer is yes, and closes. Errors are shown in the dialog.
 * @param {object} what
 * @param {string} what.question with the name of the object
 * @param {import('../dom.js').Child} what.consequence
 * @param {string} what.button
 * @param {boolean} [what.danger] whether it destroys something or shuts a user out
 * @param {string} [what.typed] what has to be typed first, because the act cannot be undone: the name of the object
 * @param {() => Promise<unknown>} what.act
 * @param {(problem: Problem) => string | undefined} [what.explain]
 * @returns {Promise<boolean>} whether it was done
 */
export function confirmed({ question, consequence, button, danger = false, typed, act, explain }) {
  const name = typed === undefined ? undefined : nameField(typed);
  let done = false;
  const dialog = h(
    'dialog',
    { 'aria-labelledby': 'question', class: 'question' },
    h(
      'div',
      { class: 'stack' },
      h('h2', { id: 'question', tabindex: -1 }, question),
      form({
        fields: [
          h('div', { class: 'stack' }, typeof consequence === 'string' ? h('p', {}, consequence) : consequence),
          ...(name ? [name] : []),
        ],
        button,
        danger,
        submit: async (values) => {
          if (name && values.typed !== typed) return name.blame(t('confirm.differs'));
          await act();
          done = true;
          dialog.close();
        },
        explain,
      }),
      h('button', { type: 'button', on: { click: () => dialog.close() } }, t('cancel')),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  (name?.input ?? dialog.querySelector('h2'))?.focus();
  return new Promise((resolve) =>
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(done);
    }),
  );
}

/** @param {string} typed */
function nameField(typed) {
  return field({
    name: 'typed',
    label: t('confirm.type', { name: typed }),
    attributes: { type: 'text', autocomplete: 'off', ...plain },
  });
}
