/** Creates an account and invites its owner by mail. */

import { h } from '../../dom.js';
import { emailField, form } from '../../forms.js';
import { t } from '../../i18n.js';
import { go } from '../../router.js';
import { announce } from '../../notice.js';
import { section } from '../../views/parts.js';
import { admission, change } from '../admin.js';
import { page } from '../parts.js';

export async function invite() {
  await admission();
  return page(
    t('invite.title'),
    { up: ['users', t('users.title')] },
    section(
      t('invite.whom'),
      h('p', {}, t('invite.how')),
      h('p', {}, t('invite.roles')),
      form({
        fields: [emailField({ autocomplete: 'off' })],
        button: t('invite.submit'),
        submit: async ({ email }) => {
          const user = await change('POST', 'users', { email });
          announce('invite.sent', 'good', { email });
          go(`user?id=${user.id}`);
        },
        explain: (problem) => (problem.code === 'service_unavailable' ? t('invite.no_mail') : undefined),
      }),
    ),
  );
}
