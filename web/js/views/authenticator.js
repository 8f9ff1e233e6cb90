/** Replaces the authenticator app: the old one works until a code of the new one is right. */

import { h } from '../dom.js';
import { codeField, form } from '../forms.js';
import { t } from '../i18n.js';
import { forget, load, save } from '../storage.js';
import { needed } from '../pending.js';
import { keepCodes } from '../recovery-codes.js';
import { again, go } from '../router.js';
import { sensitive } from '../step-up.js';
import { card, links } from './parts.js';
import { authenticatorSteps } from './totp.js';

export function authenticator() {
  const totp = load('newAuthenticator');
  return card(
    t('authenticator.title'),
    h('p', {}, t('authenticator.how')),
    totp ? [authenticatorSteps(totp), confirmation()] : beginning(),
    links(['security', t('back')]),
  );
}

function beginning() {
  return form({
    fields: [],
    button: t('authenticator.begin'),
    submit: async () => {
      const made = await sensitive('POST', '2fa/totp');
      save('newAuthenticator', needed(made), Date.now() + made.expires_in * 1000);
      again('authenticator');
    },
  });
}

function confirmation() {
  return form({
    fields: [codeField('totp', { label: t('set_up.code'), submits: true })],
    button: t('confirm'),
    submit: async ({ code }) => {
      const { recovery_codes } = await sensitive('POST', '2fa/totp/confirm', { code });
      forget('newAuthenticator');
      save('next', 'security');
      if (recovery_codes) keepCodes(recovery_codes);
      else save('advice', ['authenticator_replaced']);
      go(recovery_codes ? 'recovery-codes' : 'security', { replace: true });
    },
  });
}
