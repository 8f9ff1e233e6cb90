/** A device without a browser asks to act for the user, who types the code that it shows (RFC 8628). */

import { h } from '../dom.js';
import { field, form } from '../forms.js';
import { t } from '../i18n.js';
import { go, href } from '../router.js';
import { authorized, current } from '../session.js';
import { forget, save } from '../storage.js';
import { otherAccount, signedInAs } from './decider.js';
import { card, links, turn } from './parts.js';
import { wish } from './scopes.js';

const PATH = 'oauth/device';

export async function connectDevice() {
  const given = new URLSearchParams(location.hash.slice(1)).get('user_code');
  if (given) {
    // A sign-in may come in between. The code counts for ten minutes, and for the session that sees it first.
    save('draft.user_code', given);
    history.replaceState(null, '', href('device'));
  }
  if (!current()) {
    save('next', 'device');
    go('login', { replace: true });
    return h('div');
  }
  const me = await authorized('GET', 'me');
  const page = card(t('connect_device.title'));
  const code = codeField();
  turn(
    page,
    h('h1', { tabindex: -1 }, t('connect_device.title')),
    h('p', {}, t('connect_device.how')),
    // Before the code is sent: from then on the device's request belongs to this session.
    signedInAs(me),
    form({
      fields: [code],
      button: t('continue'),
      submit: async ({ user_code }) => {
        const asked = await authorized('POST', PATH, { user_code });
        turn(page, ...question(page, user_code, asked, me));
      },
    }),
    otherAccount(() => save('draft.user_code', code.input.value)),
  );
  return page;
}

function codeField() {
  return field({
    name: 'user_code',
    label: t('connect_device.code'),
    draft: true,
    attributes: {
      type: 'text',
      autocomplete: 'off',
      autocapitalize: 'characters',
      autocorrect: 'off',
      spellcheck: 'false',
      class: 'code',
      maxlength: 64,
    },
  });
}

/** What there is to decide. @param {Element} page @param {string} code @param {any} asked @param {any} me */
function question(page, code, { name, scopes, resource }, me) {
  const shown = code.toUpperCase();
  const [before, ...after] = t('connect_device.compare', { code: shown }).split(shown);
  return [
    h('h1', { tabindex: -1 }, t('connect_device.question', { name })),
    wish(name, scopes, resource),
    signedInAs(me),
    // An attacker may have sent the user here with the code of the attacker's own device (RFC 8628 §5.4).
    h('p', { class: 'notice warn' }, before, h('strong', { class: 'whole' }, shown), after.join(shown)),
    decision(page, { code, decision: 'approve', label: t('authorize.allow'), after: t('connect_device.allowed') }),
    decision(page, { code, decision: 'deny', label: t('authorize.refuse'), after: t('connect_device.refused') }),
    h('p', { class: 'quiet small' }, t('connect_device.other_account')),
  ];
}

/**
 * A button that decides.
 * @param {Element} page
 * @param {{code: string, decision: 'approve' | 'deny', label: string, after: string}} how
 */
function decision(page, { code, decision, label, after }) {
  return form({
    fields: [],
    button: label,
    primary: decision === 'approve',
    submit: async () => {
      await authorized('POST', PATH, { user_code: code, decision });
      forget('draft.user_code');
      turn(page, h('h1', { tabindex: -1 }, t('connect_device.done')), h('p', {}, after), links(['', t('profile.title')]));
    },
  });
}
