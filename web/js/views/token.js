/** The access token: its content, how long it is valid, and whether the service accepts it. For developers. */

import { Problem, call } from '../api.js';
import { fill, h } from '../dom.js';
import { form } from '../forms.js';
import { duration, has, moment, t } from '../i18n.js';
import { problemText } from '../problems.js';
import { again } from '../router.js';
import { authorized, current, decode, renew } from '../session.js';
import { copyButton, facts, section, stack } from './parts.js';

/** Claims that are times, in seconds (RFC 7519 §2). */
const MOMENTS = ['exp', 'iat', 'nbf', 'auth_time'];

/** @param {import('../pages.js').Context} context */
export async function token({ signal }) {
  const verdict = h('p', { role: 'status' }, t('token.asking'));
  // Makes sure that there is a token, and a session that it belongs to.
  await authorized('GET', 'me');
  const session = /** @type {import('../session.js').Session} */ (current());
  const { header, claims } = decode(session.accessToken) ?? { header: {}, claims: {} };
  const countdown = h('span', { class: 'countdown', role: 'timer' });
  count(countdown, claims.exp * 1000 - session.ahead, signal);
  void ask(session.accessToken, verdict);
  return stack(
    t('token.title'),
    h('p', {}, t('token.what')),
    h('p', { class: 'notice warn' }, t('token.warning')),
    section(
      t('token.state'),
      facts([t('token.left'), countdown], [t('token.verdict'), verdict]),
      h('div', { class: 'row' }, checkAgain(session.accessToken, verdict), renewal()),
    ),
    section(t('token.header'), table(header, 'header')),
    section(t('token.claims'), table(claims, 'claim')),
    section(
      t('token.raw'),
      h('pre', { tabindex: 0, class: 'small key', 'aria-label': t('token.raw') }, session.accessToken),
      h('div', { class: 'row' }, copyButton(session.accessToken, t('copy'))),
    ),
  );
}

/**
 * Shows the remaining time, as long as the page is shown.
 * @param {Element} element
 * @param {number} end
 * @param {AbortSignal} signal
 */
function count(element, end, signal) {
  const left = (end - Date.now()) / 1000;
  fill(element, left > 0 ? duration(left) : t('token.expired'));
  if (left > 0 && !signal.aborted) setTimeout(() => count(element, end, signal), 500);
}

/** Asks the service about exactly this token. @param {string} accessToken @param {Element} verdict */
async function ask(accessToken, verdict) {
  fill(verdict, t('token.asking'));
  try {
    await call('GET', 'token/validate', undefined, accessToken);
    fill(verdict, h('span', { class: 'badge good' }, t('token.valid')));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    const invalid = problem.code === 'invalid_token';
    fill(verdict, h('span', { class: 'badge bad' }, invalid ? t('token.invalid') : problemText(problem)));
  }
}

/** @param {string} accessToken @param {Element} verdict */
function checkAgain(accessToken, verdict) {
  return h('button', { type: 'button', on: { click: () => ask(accessToken, verdict) } }, t('token.check'));
}

function renewal() {
  return form({
    fields: [],
    button: t('token.renew'),
    primary: false,
    submit: async () => {
      await renew();
      again('token');
    },
  });
}

/** @param {Record<string, any>} values @param {string} kind */
function table(values, kind) {
  return facts(
    ...Object.entries(values).map(
      ([name, value]) =>
        /** @type {[string, any]} */ ([
          h('code', {}, name),
          [
            h('code', {}, JSON.stringify(value)),
            MOMENTS.includes(name) && ` (${moment(value * 1000)})`,
            has(`${kind}.${name}`) && h('p', { class: 'quiet small' }, t(`${kind}.${name}`)),
          ],
        ]),
    ),
  );
}
