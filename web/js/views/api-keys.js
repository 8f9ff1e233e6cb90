/** API keys: what a user's script has in the place of a password. */

import { Problem, address } from '../api.js';
import { fill, h } from '../dom.js';
import { field, form } from '../forms.js';
import { day, has, list, moment, t } from '../i18n.js';
import { again, here } from '../router.js';
import { authorized, current } from '../session.js';
import { sensitive } from '../step-up.js';
import { copyButton, section } from './parts.js';
import { checkbox } from './recovery-codes.js';

const PATH = 'me/api-keys';
/** The lives that the page offers, in days. The service takes others, up to a year. */
const LIVES = [30, 90, 365];
const DAY = 86_400_000;

/**
 * The new key, while it is shown. It is in memory only, since a user who loses it makes another one. It survives the
 * choice of another language, which makes the page again.
 * @type {any}
 */
let fresh;

/** @param {AbortSignal} signal aborted when the user leaves the page, or when it is made again */
export async function apiKeys(signal) {
  signal.addEventListener('abort', () => {
    if (here() !== 'applications') fresh = undefined;
  });
  const content = h('div', { class: 'stack' });
  await show(content);
  return section(t('api_keys.title'), content);
}

/** @param {Element} content */
async function show(content) {
  const { items, allowed_scopes } = await authorized('GET', PATH);
  fill(
    content,
    h('p', {}, t('api_keys.about')),
    fresh && handover(),
    items.length > 0 &&
      h(
        'ul',
        { class: 'list tall' },
        items.map((/** @type {any} */ key) => h('li', {}, about(key), deletion(key))),
      ),
    creation(content, allowed_scopes),
  );
}

/** @param {string} scope */
function scopeText(scope) {
  return has(`api_keys.scope.${scope}`) ? t(`api_keys.scope.${scope}`) : t('api_keys.role', { role: scope });
}

/** @param {any} key */
function about({ name, scopes, created_at, expires_at, last_used_at }) {
  return h(
    'div',
    {},
    h('h3', {}, name),
    h('p', {}, t('api_keys.scopes'), ' ', list(scopes.map(scopeText))),
    h(
      'p',
      { class: 'quiet small' },
      t('api_keys.created', { created: moment(created_at), end: moment(expires_at) }),
    ),
    h(
      'p',
      { class: 'quiet small' },
      last_used_at ? t('api_keys.used', { time: moment(last_used_at) }) : t('api_keys.unused'),
    ),
  );
}

/** @param {any} key */
function deletion({ id, name }) {
  return h(
    'details',
    {},
    h('summary', {}, t('api_keys.delete', { name })),
    form({
      fields: [h('p', {}, t('api_keys.deleting'))],
      button: t('api_keys.confirm'),
      danger: true,
      submit: async () => {
        await authorized('DELETE', `${PATH}/${id}`);
        if (fresh?.id === id) fresh = undefined;
        again('applications');
      },
      explain: (problem) => (problem.code === 'not_found' ? t('api_keys.gone') : undefined),
    }),
  );
}

/** @param {Element} content @param {string[]} allowed */
function creation(content, allowed) {
  const name = field({
    name: 'name',
    label: t('api_keys.name'),
    hint: t('api_keys.name_hint'),
    attributes: { type: 'text', autocomplete: 'off', maxlength: 64 },
  });
  const scopes = scopeChoice(allowed);
  const life = lifeChoice();
  return h(
    'details',
    {},
    h('summary', {}, t('api_keys.create')),
    form({
      fields: [name, scopes.field, life.node],
      button: t('api_keys.submit'),
      submit: async (values) => {
        const body = { name: values.name, scopes: scopes.chosen(), expires_at: life.end() };
        // Before the user is asked for a proof, which would be for nothing.
        if (body.scopes.length === 0) throw missing('/scopes');
        fresh = await sensitive('POST', PATH, body, t('api_keys.why'));
        // At once: the list may fail to load, and the key is shown only here.
        fill(content, handover());
        await show(content);
        content.querySelector('h3')?.focus();
      },
      explain: (problem) => (problem.code === 'conflict' ? t('api_keys.too_many') : undefined),
    }),
  );
}

/** The answer that the service would give. @param {string} pointer */
function missing(pointer) {
  return new Problem({ code: 'validation_failed', errors: [{ pointer, detail: '' }] });
}

/** @param {string[]} allowed */
function scopeChoice(allowed) {
  const boxes = allowed.map((scope) => ({ scope, box: checkbox('scopes', scopeText(scope), { required: false }) }));
  const fault = h('p', { class: 'fault', id: 'scopes-fault' });
  const blame = (/** @type {string} */ text) => fill(fault, text);
  for (const { box } of boxes) box.input.addEventListener('change', () => blame(''));
  const node = h(
    'fieldset',
    { 'aria-describedby': fault.id },
    h('legend', {}, t('api_keys.scopes')),
    boxes.map(({ box }) => box.node),
    fault,
  );
  const isChosen = (/** @type {any} */ { box }) => box.input.checked;
  return {
    field: { name: 'scopes', node, input: boxes[0].box.input, blame, draft: false },
    chosen: () => boxes.filter(isChosen).map(({ scope }) => scope),
  };
}

function lifeChoice() {
  // By the service's clock: by this machine's the end could be too late for it.
  const end = (/** @type {number} */ days) =>
    new Date(Date.now() + (current()?.ahead ?? 0) + days * DAY).toISOString();
  const option = (/** @type {number} */ days) =>
    h('option', { value: days }, t('api_keys.days', { count: days, day: day(end(days)) }));
  const select = h('select', { id: 'life', name: 'expires_at' }, LIVES.map(option));
  return {
    node: h('div', { class: 'field' }, h('label', { for: 'life' }, t('api_keys.life')), select),
    end: () => end(Number(select.value)),
  };
}

/** Shows the new key. */
function handover() {
  const url = address('oauth/token');
  const command = [
    `curl ${url}`,
    '--data-urlencode subject_token@api-key',
    '-d grant_type=urn:ietf:params:oauth:grant-type:token-exchange',
    '-d subject_token_type=urn:vestibule:params:oauth:token-type:api-key',
  ];
  const done = () => {
    fresh = undefined;
    element.remove();
    document.querySelector('h1')?.focus();
  };
  const element = h(
    'div',
    { class: 'notice good stack' },
    h('h3', { tabindex: -1 }, t('api_keys.made')),
    h('p', {}, t('api_keys.once')),
    h('code', { class: 'secret key' }, fresh.api_key),
    h('div', { class: 'row' }, copyButton(fresh.api_key, t('api_keys.copy'))),
    h('p', {}, t('api_keys.use', { url })),
    h('p', {}, t('api_keys.how')),
    h('pre', {}, command.join(' \\\n  ')),
    // In another tab: this page would forget the key.
    h('p', {}, h('a', { href: address('docs/'), target: '_blank', rel: 'noopener' }, t('api_keys.docs'))),
    h('button', { type: 'button', on: { click: done } }, t('api_keys.stored')),
  );
  return element;
}
