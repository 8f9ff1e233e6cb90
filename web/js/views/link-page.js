/**
 * The pages of links in mails. A link's token is used only when the user presses the button: scanners of mail open
 * links, too.
 */

import { Problem, call } from '../api.js';
import { h } from '../dom.js';
import { form } from '../forms.js';
import { t } from '../i18n.js';
import { href } from '../router.js';
import { current } from '../session.js';
import { forget, load, save } from '../storage.js';
import { card, links } from './parts.js';

/**
 * Removes a link's token from the URL, so that it is neither in the history nor in a screenshot, and stores it until
 * it is used.
 * @param {string} page that the link leads to
 * @returns {string | undefined}
 */
export function linkToken(page) {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token) {
    keepLink(page, token);
    history.replaceState(null, '', href(page));
  }
  const link = load('link');
  return link?.page === page ? link.token : undefined;
}

/** @param {string} page @param {string} token */
export function keepLink(page, token) {
  save('link', { page, token });
}

/**
 * Returns a link's token if the link works, so that nothing is typed for one that does not. The service looks at the link
 * first. It refuses a request that lacks the rest, and does not use the link up.
 * @param {string | undefined} token
 * @param {string} path of the request
 * @param {object} [rest] what the request must have beside the token, empty
 */
export async function workingToken(token, path, rest) {
  if (!token) return undefined;
  try {
    await call('POST', path, { token, ...rest });
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.code !== 'invalid_link_token') return token;
    forget('link');
  }
  return undefined;
}

/**
 * Makes a page that uses a link's token. If there is no token, or the service refuses it, the page says so instead.
 * @param {string | undefined} token
 * @param {object} options
 * @param {string} options.title
 * @param {string} options.how
 * @param {import('../forms.js').Field[]} [options.fields]
 * @param {string} options.button
 * @param {import('../dom.js').Child} [options.otherwise] other ways to use the link, below the form
 * @param {[string, string]} options.another the page that mails another link, and its name
 * @param {(values: Record<string, string>) => Promise<any>} options.use sends the token to the service
 * @param {(answer: any, page: Element) => void} options.done is called with the answer
 */
export function linkPage(token, { title, how, fields = [], button, otherwise, another, use, done }) {
  if (!token) return brokenLink(another);
  const page = card(
    title,
    h('p', {}, how),
    form({
      fields,
      button,
      submit: async (values) => {
        let answer;
        try {
          answer = await use(values);
        } catch (problem) {
          if (!(problem instanceof Problem) || problem.code !== 'invalid_link_token') throw problem;
          forget('link');
          page.replaceWith(brokenLink(another));
          return;
        }
        forget('link');
        done(answer, page);
      },
    }),
    otherwise,
  );
  return page;
}

/** @param {[string, string]} another */
function brokenLink(another) {
  /** @type {[string, string]} */
  const signIn = ['login', t('login.title')];
  const [page] = another;
  // The profile asks a stranger to sign in, too.
  const ways = current() ? [another] : page === '' ? [signIn] : [another, signIn];
  return card(t('link.broken'), h('p', {}, t('link.broken_how')), links(...ways));
}
