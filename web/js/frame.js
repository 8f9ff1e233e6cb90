/**
 * The frame of every page: the name, the navigation, the sign-out button, the choice of language.
 */

import { Problem } from './api.js';
import { appName, isForDevelopers } from './deployment.js';
import { fill, h } from './dom.js';
import { LANGUAGES, choose, language, t } from './i18n.js';
import { announce } from './notice.js';
import { PAGES, pageOf } from './pages.js';
import { problemText } from './problems.js';
import { again, go, href } from './router.js';
import { current, signOut } from './session.js';

/** Shows the frame of a page. @param {string} name */
export function frame(name) {
  const header = /** @type {HTMLElement} */ (document.getElementById('header'));
  const footer = /** @type {HTMLElement} */ (document.getElementById('footer'));
  const withNavigation = current() && !pageOf(name).alone;
  fill(
    header,
    h('a', { class: 'skip', href: '#main', on: { click: skip } }, t('skip')),
    h(
      'div',
      { class: 'bar' },
      h('a', { class: 'brand', href: href('') }, h('img', { src: href('logo'), alt: '' }), appName()),
      withNavigation && tabs(name),
      withNavigation && h('button', { type: 'button', class: 'plain', on: { click: leave } }, t('sign_out')),
    ),
  );
  fill(footer, languages());
}

/** @param {string} name */
function tabs(name) {
  // The page of a new authenticator is reached from the security page, so that tab is highlighted.
  const shown = name === 'authenticator' ? 'security' : name;
  const entries = Object.entries(PAGES).filter(([, page]) => page.tab && (!page.developers || isForDevelopers()));
  return h(
    'nav',
    { 'aria-label': t('navigation') },
    h(
      'ul',
      { class: 'tabs' },
      entries.map(([tab, { title }]) =>
        h('li', {}, h('a', { href: href(tab), 'aria-current': tab === shown ? 'page' : undefined }, t(title))),
      ),
    ),
  );
}

/** Does not change the URL: its fragment is reserved for the tokens of links in mails. @param {MouseEvent} event */
function skip(event) {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

/** @param {MouseEvent} event */
async function leave({ currentTarget }) {
  const button = /** @type {HTMLElement} */ (currentTarget);
  try {
    await signOut();
    announce('signed_out.notice', 'good');
    go('login', { replace: true });
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    button.after(h('p', { role: 'alert', class: 'notice bad' }, problemText(problem)));
  }
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
              again();
            },
          },
        },
        name,
      ),
    ),
  );
}
