// Every state of the account pages that a user meets, for pictures and for tests of the layout. The way through them
// reads the texts of the pages, so it works in every language.

import { Application } from './application.mjs';
import { Authenticator } from './authenticator.mjs';
import { PASSWORD } from './person.mjs';

/**
 * Goes through the pages as a new user, and calls `take` in each state with its name.
 * @param {any} person whose browser has one language
 * @param {(key: string, values?: Record<string, any>) => string} t the texts of that language
 * @param {(name: string) => Promise<void>} take
 */
export async function walk(person, t, take) {
  const authenticator = await Authenticator.of(person);
  await outside(person, t, take);
  await registration(person, t, take);
  await inside(person, t, take);
  await applications(person, t, take);
  await secondFactor(person, t, take);
  await deletion(person, t, take);
  await authenticator.send('removeVirtualAuthenticator');
}

/** The pages without a session. */
async function outside(person, t, take) {
  for (const [page, heading] of [
    ['login', 'login.title'],
    ['login-by-mail', 'login_by_mail.title'],
    ['lost-device', 'lost_device.title'],
    ['forgot-password', 'forgot_password.title'],
    ['register', 'register.title'],
    ['magic-link#token=x', 'magic_link.title'],
    ['cancel-email-change#token=x', 'cancel_email_change.title'],
    ['verify-email', 'link.broken'],
    ['second-factor', 'pending.none'],
    ['signed-out', 'signed_out.title'],
    ['authorize', 'authorize.unusable'],
    ['nothing', 'missing.title'],
  ]) {
    await person.page.evaluate(() => sessionStorage.clear()).catch(() => {});
    await person.go(page);
    await person.at(t(heading));
    await take(page.replace('#token=x', '-link'));
  }
  await links(person, t, take);
  await person.go('register');
  await person.press(t('register.with_passkey'));
  await take('register-passkey');
  await person.go('login');
  await person.press(t('login.submit'));
  await person.sees(t('field.missing'));
  await take('login-empty');
  await person.fill(t('login.name'), 'absent');
  await person.fill(t('password'), 'nothing');
  await person.press(t('login.submit'));
  await person.sees(t('problem.invalid_credentials'));
  await take('login-wrong');
  await person.go('register');
  await person.fill(t('password'), 'short');
  await person.press(t('register.submit'));
  await person.page.locator('.fault', { hasText: /\S/ }).first().waitFor();
  await take('register-short');
  await person.go('forgot-password');
  await person.fill(t('email'), 'absent@example.com');
  await person.press(t('send_mail'));
  await person.at(t('look_at_mail'));
  await take('forgot-password-sent');
}

/** The pages of links that ask for a password. They check the link first, so it is one of a mail. */
async function links(person, t, take) {
  const { service } = person;
  const email = `link-${person.email}`;
  await service.call('POST', '/register', { email, password: PASSWORD });
  await service.call('POST', '/password/forgot', { email });
  for (const [kind, heading, name] of [
    ['email_verification', 'verify_email.title', 'verify-email-link'],
    ['password_reset', 'reset_password.title', 'reset-password-link'],
  ]) {
    await person.page.goto((await service.message(email, kind)).link);
    await person.at(t(heading));
    await take(name);
  }
}

/** From the registration to the profile. */
async function registration(person, t, take) {
  await person.register();
  await person.at(t('set_up.title'));
  await take('set-up');
  person.secret = await person.scan();
  await person.confirm();
  await person.at(t('recovery_codes.title'));
  await take('recovery-codes');
  await person.go('');
  await person.sees(t('recovery_codes.unsaved'));
  await take('profile-reminder');
  await person.follow(t('recovery_codes.show'));
  await person.keepCodes();
  await person.at(t('profile.title'));
  await take('profile-new');
}

/** The pages with a session. */
async function inside(person, t, take) {
  await person.proveAddress();
  await person.go('security');
  await person.press(t('passkey.add'));
  await person.sees(t('passkey.backed_up'));
  await open(person);
  await take('security');
  await person.go('sessions');
  await person.at(t('sessions.title'));
  await take('sessions');
  await person.go('activity');
  await person.at(t('activity.title'));
  await take('activity');
  await person.go('applications');
  await person.at(t('applications.title'));
  await take('applications-none');
  await open(person);
  await take('applications-new-key');
  await person.fill(t('api_keys.name'), 'Backup');
  await person.page.getByRole('checkbox').first().check();
  await person.press(t('api_keys.submit'));
  await person.sees(t('api_keys.once'));
  await take('applications-key');
  await person.go('');
  await person.at(t('profile.title'));
  await take('profile');
  await person.go('token');
  await person.at(t('token.title'));
  await person.page.getByText(t('token.valid'), { exact: true }).waitFor();
  await take('token');
  await person.service.advance(900);
  await person.go('authenticator');
  await person.press(t('authenticator.begin'));
  await person.page.getByRole('dialog').waitFor();
  await take('step-up');
  await person.press(t('factor.passkey.use'), person.page.getByRole('dialog'));
  await person.page.locator('img.qr').waitFor();
  await take('authenticator');
}

let shops = 0;

/** An application asks for access, and a device. */
async function applications(person, t, take) {
  // Names are unique, and a service may see several walks.
  const shop = await Application.register(person.service, `Blue Shop ${(shops += 1)}`, {
    scopes: ['openid', 'profile', 'email', 'roles', 'offline_access', 'orders:read'],
  });
  await shop.begin(person);
  await person.at(t('authorize.question', { name: shop.name }));
  await take('authorize');
  await person.press(t('authorize.allow'));
  await shop.tokens(person);
  await shop.end(person, { client_id: shop.id });
  await person.at(t('sign_out.title'));
  await take('sign-out');
  await person.go('device');
  await person.at(t('connect_device.title'));
  await take('device');
  const body = new URLSearchParams({ client_id: shop.id, scope: 'openid email' });
  const answer = await fetch(`${person.service.url}/oauth/device_authorization`, { method: 'POST', body });
  const { user_code: code } = await answer.json();
  await person.fill(t('connect_device.code'), code);
  await person.press(t('continue'));
  await person.at(t('connect_device.question', { name: shop.name }));
  await take('device-question');
  await person.go('applications');
  await person.at(t('applications.title'));
  await open(person);
  await take('applications');
  await person.go('sessions');
  await person.at(t('sessions.title'));
  await take('sessions-apps');
}

/** Signs in again, with wrong codes. */
async function secondFactor(person, t, take) {
  await person.press(t('sign_out'));
  await person.at(t('login.title'));
  await take('login-signed-out');
  await person.fill(t('login.name'), person.email);
  await person.fill(t('password'), PASSWORD);
  await person.press(t('login.submit'));
  await person.at(t('second_factor.title'));
  await take('second-factor');
  await person.press(t('factor.totp.use'));
  await person.fill(t('factor.totp.code'), '000000');
  await person.sees(t('problem.invalid_code'));
  await take('second-factor-wrong');
  await person.press(t('factor.recovery_code.use'));
  await person.page.getByLabel(t('factor.recovery_code.code'), { exact: true }).waitFor();
  await take('second-factor-recovery');
}

/** Signs in, and deletes the account. */
async function deletion(person, t, take) {
  await person.press(t('factor.totp.use'));
  await person.fill(t('factor.totp.code'), await person.code());
  await person.at(t('profile.title'));
  await person.fill(t('delete.confirmation', { name: person.email }), 'another name');
  await person.press(t('delete.submit'));
  await person.sees(t('delete.other_name', { name: person.email }));
  await take('delete-other-name');
  await person.fill(t('delete.confirmation', { name: person.email }), person.email);
  await person.press(t('delete.submit'));
  await person.at(t('deleted.title'));
  await take('deleted');
}

/** Opens everything that can be opened. */
async function open(person) {
  await person.page.locator('details').evaluateAll((all) => all.forEach((one) => (one.open = true)));
}
