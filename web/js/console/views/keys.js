/** The keys that sign access tokens. */

import { h } from '../../dom.js';
import { t } from '../../i18n.js';
import { again } from '../../router.js';
import { announce } from '../../notice.js';
import { section } from '../../views/parts.js';
import { change, read } from '../admin.js';
import { asking, badge, code, page, table, when } from '../parts.js';

/** @type {Record<string, 'good' | 'plain'>} */
const LOOKS = { current: 'good', next: 'plain', retired: 'plain' };

export async function keys() {
  const { items } = await read('keys');
  const heads = [
    t('keys.kid'),
    t('users.state'),
    t('keys.algorithm'),
    t('keys.created'),
    t('keys.activated'),
    t('keys.retired'),
  ];
  return page(
    t('keys.title'),
    {},
    h('p', {}, t('keys.what')),
    table(t('keys.title'), heads, items.map(cells)),
    section(t('keys.rotate'), h('p', {}, t('keys.rotate_what')), rotation(items)),
  );
}

/** @param {any} key */
function cells({ kid, state, algorithm, created_at, activated_at, retired_at }) {
  return [
    code(kid),
    badge(LOOKS[state], t(`keys.state.${state}`)),
    algorithm,
    when(created_at),
    when(activated_at),
    when(retired_at),
  ];
}

/** @param {any[]} keys */
function rotation(keys) {
  const current = keys.find(({ state }) => state === 'current');
  return asking(
    t('keys.rotate'),
    {
      question: t('keys.rotate_question', { kid: current?.kid ?? '–' }),
      consequence: t('keys.rotate_what'),
      button: t('keys.rotate'),
      act: async () => {
        await change('POST', 'keys/rotate');
        announce('keys.rotated', 'good');
      },
      explain: ({ code }) => (code === 'conflict' ? t('keys.too_soon') : undefined),
    },
    () => again('keys'),
  );
}
