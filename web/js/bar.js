/**
 * The bar on top of every page and the choice of language at its end.
 */

import { Problem } from './api.js';
import { againAsTyped } from './as-typed.js';
import { appName } from './deployment.js';
import { fill, h } from './dom.js';
import { LANGUAGES, choose, language, t } from './i18n.js';
import { announce } from './notice.js';
import { problemText } from './problems.js';
import { go, href } from './router.js';
import { signOut } from './session.js';

/**
 * Shows them.
 * @param {object} what
 * @param {string} [what.area] the name of these pages, beside that of the deployment
 * @param {import('./dom.js').Child} what.inside the navigation; nothing on a page that is shown without
 * @param {string} what.login the page that follows a sign-out
 */
export function showBar({ area, inside, login }) {
  const header = /** @type {HTMLElement} */ (document.getElementById('header'));
  const footer = /** @type {HTMLElement} */ (document.getElementById('footer'));
  const name = area ? `${appName()} ${area}` : appName();
  fill(
    header,
    h('a', { class: 'skip', href: '#main', on: { click: skip } }, t('skip')),
    h(
      'div',
      { class: 'bar' },
      h('a', { class: 'brand', href: href('') }, h('img', { src: href('logo'), alt: '' }), name),
      inside,
      inside && h('button', { type: 'button', class: 'plain', on: { click: leave(login) } }, t('sign_out')),
    ),
  );
  fill(footer, languages());
}

/** Does not change the URL: its fragment is reserved for the tokens of links in mails. @param {MouseEvent} event */
function skip(event) {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

/** @param {string} login @returns {(event: MouseEvent) => Promise<void>} */
function leave(login) {
  return async ({ currentTarget }) => {
    const button = /** @type {HTMLElement} */ (currentTarget);
    try {
      await signOut();
      announce('signed_out.notice', 'good');
      go(login, { replace: true });
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      button.after(h('p', { role: 'alert', class: 'notice bad' }, problemText(problem)));
    }
  };
}

function languages() {
  const entries = /** @type {[import('./i18n.js').Language, string][]} */ (Object.entries(LANGUAGES));
  return h(
    'div',
    { class: 'languages', role: 'group', 'aria-label': t('language') },
    entries.map(([tag, name]) =>
      h(
        'button',
        {
          type: 'button',
          class: 'plain',
          lang: tag,
          'aria-pressed': String(tag === language()),
          on: {
            click: async () => {
              await choose(tag);
              againAsTyped();
            },
          },
        },
        name,
      ),
    ),
  );
}
