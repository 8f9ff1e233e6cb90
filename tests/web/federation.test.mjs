// Signing in with an account of another service.

import assert from 'node:assert/strict';
import { describe } from 'node:test';

import { Application } from './application.mjs';
import { environment } from './environment.mjs';
import { OPEN, inspect } from './inspection.mjs';
import { PASSWORD } from './person.mjs';
import {
  NAMELESS,
  STRANGER,
  connectMany,
  meetProviders,
  signInThere,
  startWithProviders,
  startWithUnruly,
} from './providers.mjs';

const CONTINUE = 'Continue with Example';

/** Defines stories of users who may visit the providers. */
function visits(settings, start = startWithProviders) {
  const story = environment(settings, start);
  return (name, play, options) =>
    story(
      name,
      async (person, meet) => {
        await meetProviders(person);
        await play(person, meet);
      },
      options,
    );
}

/** A new user signs in with a provider, and sets up the second factor. */
async function join(person) {
  await person.go('login');
  await person.press(CONTINUE);
  await signInThere(person);
  await person.setUp();
  await person.at(person.texts.profile);
}

/** Enters the code that a sign-in asks for. */
async function enterCode(person) {
  await person.at('Confirm that it is you');
  await person.fill('Code', await person.code());
}

/** Confirms who they are before a sensitive change. */
async function proveOnceMore(person) {
  const dialog = person.page.getByRole('dialog');
  await dialog.getByRole('heading', { name: 'Is it you?' }).waitFor();
  await person.fill('Code', await person.code(), dialog);
}

/** Waits until the page names the account of a provider that was connected. */
async function seesConnected(person, email) {
  await person.page.getByRole('main').getByText(email, { exact: true }).waitFor();
}

/** Returns the addresses in the tab's history. */
async function history(person) {
  const cdp = await person.context.newCDPSession(person.page);
  const { entries } = await cdp.send('Page.getNavigationHistory');
  return entries.map(({ url }) => url);
}

/** Counts the requests that would use an answer of a provider. */
function countFinishes(page) {
  const seen = [];
  page.on('request', (request) => {
    if (request.method() === 'POST' && request.url().endsWith('/finish')) seen.push(request.url());
  });
  return seen;
}

const story = visits();

story('a new user comes with an account of a provider, and comes back with it', async (person) => {
  await person.go('login');
  await person.press(CONTINUE);
  await signInThere(person);
  await person.at('Protect your account');
  assert.equal(person.page.url(), person.service.page('set-up'));
  await person.setUp();
  await person.at('Profile');
  await person.sees(person.email);
  await person.page.getByText('verified', { exact: true }).waitFor();
  await person.sees('None: you sign in without a password');
  assert.ok(!(await history(person)).some((url) => url.startsWith(person.service.page('federation?'))));
  const left = await person.page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage }));
  assert.doesNotMatch(left, /vestibule\.federation|vpa_|vrt_|eyJ/);
  await person.signOut();

  await person.press(CONTINUE);
  await enterCode(person);
  await person.at('Profile');
  await person.follow('Activity');
  for (const title of ['Account of another service used to sign in', 'Account of another service connected']) {
    await person.page.getByRole('listitem').filter({ hasText: title }).getByText('· Example').first().waitFor();
  }
});

story('the registration page offers the providers, too', async (person) => {
  await person.go('register');
  await person.press('Continue with Other Works');
  await signInThere(person);
  await person.setUp();
  await person.at('Profile');
  // The service does not believe this provider.
  await person.sees('not verified');
});

story('an account with the address is signed in to first, and then connected', async (person) => {
  await person.signUp();
  await person.proveAddress();
  await person.signOut();
  await person.go('sessions');
  await person.at('Sign in');
  await person.press(CONTINUE);
  await signInThere(person);
  await person.at('You already have an account here');
  await person.press('Sign in and connect Example');
  await person.sees('Sign in to your account first. Then you can connect Example.');
  assert.equal(await person.page.getByRole('button', { name: CONTINUE }).count(), 0);
  await person.page.reload();
  await person.fill('E-mail address or user name', person.email);
  await person.fill('Password', PASSWORD);
  await person.press('Sign in');
  await enterCode(person);
  await person.at('Connect Example to your account?');
  await person.sees(person.email);
  await person.press('Connect Example');
  await person.at('Example is connected');
  await seesConnected(person, person.email);
  await person.page.getByRole('link', { name: 'Security' }).waitFor();
  // The page that was requested first.
  await person.follow('Continue');
  await person.at('Sessions');
  await person.signOut();
  await person.press(CONTINUE);
  await enterCode(person);
  await person.at('Profile');
});

story('a user who does not connect goes on as usual', async (person) => {
  await person.signUp();
  await person.proveAddress();
  await person.signOut();
  await person.press(CONTINUE);
  await signInThere(person);
  await person.press('Sign in and connect Example');
  await person.fill('E-mail address or user name', person.email);
  await person.fill('Password', PASSWORD);
  await person.press('Sign in');
  await enterCode(person);
  await person.at('Connect Example to your account?');
  await person.press('Not now');
  await person.at('Profile');
  await person.follow('Security');
  await person.part('Connected accounts').getByText('Connect an account of another service').waitFor();
});

story('accounts are connected and disconnected on the security page', async (person) => {
  await person.signUp();
  await person.follow('Security');
  const part = person.part('Connected accounts');
  await person.service.advance(600);
  await person.press('Connect Other Works', part);
  await proveOnceMore(person);
  // The browser is signed in to another user's account there, as on a shared computer.
  await signInThere(person, person.page, STRANGER);
  await person.at('Other Works is connected');
  await seesConnected(person, `${STRANGER}@example.com`);
  await person.sees('If the account there is not yours');
  await person.follow('Security');
  const entry = part.getByRole('listitem').filter({ hasText: 'Other Works' });
  await entry.getByText(`${STRANGER}@example.com`).waitFor();
  await entry.getByText(/^Connected \d+ \w+ \d+/).waitFor();
  assert.equal(await person.page.getByRole('button', { name: 'Connect Other Works' }).count(), 0);
  await part.getByRole('button', { name: 'Connect Example' }).waitFor();
  await person.service.advance(600);
  await entry.getByText('Disconnect Other Works').click();
  await person.press('Disconnect', entry);
  await proveOnceMore(person);
  await part.getByRole('button', { name: 'Connect Other Works' }).waitFor();
  await person.follow('Activity');
  await person.sees('Account of another service disconnected');
});

story('what another account has is not connected a second time', async (person, meet) => {
  await join(person);
  const other = await meet();
  await meetProviders(other);
  await other.signUp();
  await other.follow('Security');
  await other.press('Connect Example', other.part('Connected accounts'));
  const { email } = other;
  other.email = person.email;
  await signInThere(other);
  other.email = email;
  await other.sees('Your Example account is connected with another account here.');
  await other.follow('Security');
  await other.part('Connected accounts').getByRole('button', { name: 'Connect Example' }).waitFor();
  await other.leave();
});

story('the last way in stays', async (person) => {
  await join(person);
  await person.follow('Security');
  const part = person.part('Connected accounts');
  await part.getByText('Disconnect Example').click();
  await person.press('Disconnect', part);
  await part.getByText('This is the only way to sign in to your account.').waitFor();
  // With a password it is no longer the only one.
  const password = person.part('Password');
  await person.fill('New password', PASSWORD, password);
  await person.press('Set a password', password);
  await password.getByLabel('Current password').waitFor();
  await part.getByText('Disconnect Example').click();
  await person.press('Disconnect', part);
  await part.getByRole('button', { name: 'Connect Example' }).waitFor();
  await person.signOut();
  await person.logIn();
});

story('a user cancels at the provider, and tries again', async (person) => {
  await person.go('login');
  await person.press(CONTINUE);
  await person.page.getByText('[ Cancel ]').click();
  await person.at('You did not finish signing in at Example');
  assert.equal(person.page.url(), person.service.page('federation'));
  await person.press('Deutsch');
  await person.at('Anmeldung bei Example nicht abgeschlossen');
  await person.press('English');
  await person.press(CONTINUE);
  await signInThere(person);
  await person.at('Protect your account');
});

story('a reload after an answer leads back to the beginning', async (person) => {
  await person.go('login');
  await person.press(CONTINUE);
  await person.page.getByText('[ Cancel ]').click();
  await person.at('You did not finish signing in at Example');
  await person.page.reload();
  await person.at('Sign in');
  // While the answer is used.
  const finishes = countFinishes(person.page);
  await person.page.route('**/finish', () => {});
  const answered = person.page.waitForRequest('**/account/federation?*');
  await person.press(CONTINUE);
  await signInThere(person);
  await person.sees('One moment, waiting for Example');
  const answer = (await answered).url();
  await person.page.reload();
  await person.at('Sign in');
  await person.page.unroute('**/finish');
  await person.page.goto(answer);
  await person.at('This sign-in cannot be continued');
  assert.equal(person.page.url(), person.service.page('federation'));
  assert.equal(finishes.length, 1);
  await person.follow('Sign in');
  await person.press(CONTINUE);
  await person.at('Protect your account');
});

story('the answer to another tab is not used', async (person) => {
  await person.go('login');
  await person.press(CONTINUE);
  await person.page.getByPlaceholder('Enter any login').waitFor();
  const tab = await person.context.newPage();
  const finishes = countFinishes(tab);
  await tab.goto(person.page.url());
  await signInThere(person, tab);
  await person.at('This sign-in cannot be continued', tab);
  assert.deepEqual(finishes, []);
  await tab.getByRole('link', { name: 'Sign in' }).click();
  await person.at('Sign in', tab);
  // The service itself knows no sign-in with this state.
  await tab.goto(`${person.service.url}/federation/example/callback?state=unknown&code=x`);
  await person.at('This sign-in cannot be continued', tab);
  assert.equal(tab.url(), person.service.page('federation'));
  await tab.close();
});

story('two tabs with two providers do not disturb each other', async (person) => {
  await person.go('login');
  const tab = await person.context.newPage();
  await tab.goto(person.service.page('login'));
  await person.press(CONTINUE);
  await person.press('Continue with Other Works', tab);
  await person.page.getByPlaceholder('Enter any login').waitFor();
  await signInThere(person, tab);
  await person.at('Protect your account', tab);
  await signInThere(person);
  // The service believes this provider about the address, so the account of the other tab does not keep it.
  await person.at('Protect your account');
  const keys = await Promise.all([person.page, tab].map((page) => page.locator('code.secret').innerText()));
  assert.notEqual(keys[0], keys[1]);
  await tab.close();
  await person.setUp();
  await person.at('Profile');
  await person.page.getByText('verified', { exact: true }).waitFor();
});

story('one tab with two providers uses each answer for its own', async (person) => {
  await person.go('login');
  await person.press(CONTINUE);
  await person.page.getByPlaceholder('Enter any login').waitFor();
  const first = person.page.url();
  await person.page.goBack();
  await person.press('Continue with Other Works');
  await signInThere(person);
  await person.at('Protect your account');
  await person.page.goto(first);
  await signInThere(person);
  await person.at('Protect your account');
  await person.setUp();
  await person.page.getByText('verified', { exact: true }).waitFor();
});

story('a user who signed in meanwhile stays who they are', async (person) => {
  await person.signUp();
  await person.signOut();
  await person.press('Continue with Other Works');
  await person.page.getByPlaceholder('Enter any login').waitFor();
  const tab = person.page;
  person.page = await person.context.newPage();
  await person.logIn();
  const finishes = countFinishes(tab);
  await signInThere(person, tab);
  await tab.getByText('You are already signed in here.').waitFor();
  assert.deepEqual(finishes, []);
  await tab.getByRole('link', { name: 'Continue' }).click();
  await person.at('Profile', tab);
});

story('a session that ended meanwhile connects nothing', async (person) => {
  await person.signUp();
  await person.follow('Security');
  await person.press('Connect Example', person.part('Connected accounts'));
  await person.page.getByPlaceholder('Enter any login').waitFor();
  const tab = await person.context.newPage();
  await tab.goto(person.service.page());
  await person.at('Profile', tab);
  await person.press('Sign out', tab);
  await person.at('Sign in', tab);
  await signInThere(person);
  await person.sees('You are no longer signed in here.');
  await person.follow('Sign in');
  await person.at('Sign in');
});

story('a provider that is down is told, and the page can be used', async (person) => {
  await person.signUp();
  await person.signOut();
  await person.press('Continue with Offline Inc.');
  await person.sees('Offline Inc. cannot be reached at the moment.');
  await person.page.locator('.countdown').getByText('Please wait').waitFor();
  await person.logIn();
});

story('a user without an address at the provider creates the account in another way', async (person) => {
  await person.go('login');
  await person.press(CONTINUE);
  await signInThere(person, person.page, NAMELESS);
  await person.sees('An account here needs an e-mail address, and Example did not tell us yours.');
  await person.page.getByRole('button', { name: CONTINUE }).waitFor();
  await person.follow('Sign in');
  await person.follow('Create an account');
  await person.fillRegistration();
  await person.setUp();
  await person.at('Profile');
  // The account has an address now, so one without an address can be connected to it.
  await person.follow('Security');
  await person.press('Connect Example', person.part('Connected accounts'));
  await person.at('Example is connected');
  assert.equal(await person.page.getByText('Your account here is now connected with this').count(), 0);
  await person.follow('Security');
  await person.signOut();
  await person.press(CONTINUE);
  await enterCode(person);
  await person.at('Profile');
});

story('a code that the provider refuses is told, and a second try succeeds', async (person) => {
  // As with a code that has expired, the provider does not know it.
  const spoil = (route) => {
    const body = route.request().postDataJSON();
    return route.continue({ postData: JSON.stringify({ ...body, code: `${body.code}x` }) });
  };
  await person.page.route('**/finish', spoil, { times: 1 });
  await person.go('login');
  await person.press(CONTINUE);
  await signInThere(person);
  await person.sees('Example did not confirm the sign-in. Please start again.');
  await person.press(CONTINUE);
  await person.at('Protect your account');
});

story('an account that is disabled cannot be signed in to, until it is enabled', async (person) => {
  await join(person);
  await person.signOut();
  await person.service.operate(['users', 'disable', person.email]);
  await person.press(CONTINUE);
  await person.sees('The account that is connected with your Example account cannot be used.');
  await person.sees('Ask the operators of the service for help.');
  // A second try would end in the same way.
  assert.equal(await person.page.getByRole('button', { name: CONTINUE }).count(), 0);
  await person.service.operate(['users', 'enable', person.email]);
  await person.follow('Sign in');
  await person.press(CONTINUE);
  await enterCode(person);
  await person.at('Profile');
});

story('the page does not wait for the providers, and nothing on it moves', async (person) => {
  /** @type {() => void} */
  let answer = () => {};
  const held = new Promise((resolve) => (answer = () => resolve(undefined)));
  await person.page.route('**/federation', async (route) => {
    await held;
    await route.continue();
  });
  await person.go('login');
  await person.at('Sign in');
  await person.fill('Password', 'typed meanwhile');
  const places = () =>
    person.page.evaluate(() =>
      [...document.querySelectorAll('h1, input, .card > .links a, .card > form button')]
        .filter((element) => !element.closest('[role=group]'))
        .map((element) => element.getBoundingClientRect().top),
    );
  const before = await places();
  answer();
  await person.page.getByRole('button', { name: CONTINUE }).waitFor();
  assert.deepEqual(await places(), before);
  assert.equal(await person.page.getByLabel('Password', { exact: true }).inputValue(), 'typed meanwhile');
});

story('an application that waits gets its user', async (person) => {
  await join(person);
  await person.signOut();
  const shop = await Application.register(person.service, 'Shop');
  await shop.begin(person);
  await person.at('Sign in');
  await person.press(CONTINUE);
  await enterCode(person);
  await person.at('Give Shop access?');
  await person.press('Allow');
  assert.ok((await shop.tokens(person)).id_token);
});

story(
  'in German',
  async (person) => {
    await person.go('login');
    await person.press('Weiter mit Example');
    await person.page.getByText('[ Cancel ]').click();
    await person.at('Anmeldung bei Example nicht abgeschlossen');
    await person.press('Weiter mit Example');
    await signInThere(person);
    await person.setUp();
    await person.at('Profil');
    await person.follow('Sicherheit');
    const part = person.part('Verbundene Konten');
    await part.getByText('Example trennen').click();
    await person.press('Trennen', part);
    await part.getByText('Nur so können Sie sich an Ihrem Konto anmelden.').waitFor();
    await person.press('Other Works verbinden', part);
    await signInThere(person);
    await person.at('Other Works ist verbunden');
    await person.sees('Ihr Konto hier ist jetzt mit diesem Konto bei Other Works verbunden:');
    await seesConnected(person, person.email);
    await person.follow('Sicherheit');
    const shown = await part.innerText();
    assert.doesNotMatch(shown, /\b(federation|identities|problem|event)\.[a-z_]+/);
  },
  { locale: 'de-DE' },
);

story('with a keyboard alone', async (person) => {
  await person.go('login');
  const button = person.page.getByRole('button', { name: CONTINUE });
  await button.waitFor();
  const { keyboard } = person.page;
  await person.page.getByRole('link', { name: 'Create an account' }).focus();
  await keyboard.press('Tab');
  assert.ok(await button.evaluate((element) => element === document.activeElement));
  const [name, group] = await button.evaluate((element) => [
    element.textContent,
    element.closest('[role=group]')?.getAttribute('aria-label'),
  ]);
  assert.equal(name, `E${CONTINUE}`);
  assert.equal(group, 'Other accounts to sign in with');
  await keyboard.press('Enter');
  await person.page.getByPlaceholder('Enter any login').waitFor();
});

story(
  'every page of it passes the inspection',
  async (person) => {
    const button = (name) => person.page.getByRole('button', { name }).waitFor();
    const email = `new-${person.email}`;
    await person.service.call('POST', '/register', { email, password: PASSWORD });
    const { link } = await person.service.message(email, 'email_verification');
    for (const url of [person.service.page('login'), person.service.page('register'), link]) {
      await person.page.goto(url);
      await button(CONTINUE);
      await inspect(person, url);
    }
    await person.go('login');
    await person.press('Continue with Offline Inc.');
    await person.sees('Offline Inc. cannot be reached at the moment.');
    await inspect(person, 'a provider that is down');
    await person.press(CONTINUE);
    await person.page.getByText('[ Cancel ]').click();
    await person.at('You did not finish signing in at Example');
    await inspect(person, 'cancelled');
    await person.go('federation?state=unknown&code=x');
    await person.at('This sign-in cannot be continued');
    await inspect(person, 'an unknown answer');
    await person.signUp();
    await person.proveAddress();
    await person.signOut();
    await person.press(CONTINUE);
    await signInThere(person);
    await person.at('You already have an account here');
    await inspect(person, 'an account that exists');
    await person.press('Sign in and connect Example');
    await person.sees('Sign in to your account first.');
    await inspect(person, 'the sign-in before');
    await person.fill('E-mail address or user name', person.email);
    await person.fill('Password', PASSWORD);
    await person.press('Sign in');
    await enterCode(person);
    await person.at('Connect Example to your account?');
    await inspect(person, 'the question');
    await person.press('Connect Example');
    await person.at('Example is connected');
    await inspect(person, 'connected');
    await person.follow('Security');
    const part = person.part('Connected accounts');
    await part.getByText('Disconnect Example').click();
    await inspect(person, 'security');
  },
  OPEN,
);

describe('addresses that must be verified', () => {
  const story = visits({ EMAIL_VERIFICATION: 'required' });

  story('an address that no trusted provider names is verified by mail', async (person) => {
    await person.go('login');
    await person.press('Continue with Other Works');
    await signInThere(person);
    await person.at('Check your e-mail');
    await person.sees('Follow the link in it, then choose “Continue with Other Works”');
    const { link } = await person.service.message(person.email, 'email_verification');
    const tab = await person.context.newPage();
    await tab.goto(link);
    await person.at('Verify your e-mail address', tab);
    assert.equal(tab.url(), person.service.page('verify-email'));
    await tab.getByText('If you sign in to that account with another service').waitFor();
    await person.press('Continue with Other Works', tab);
    await person.page.close();
    person.page = tab;
    await person.setUp();
    await person.at('Profile');
    await person.page.getByText('verified', { exact: true }).waitFor();
    // The tab has forgotten the token of the mail, and from now on the mail is not needed.
    await person.go('verify-email');
    await person.at('This link does not work');
    await person.go('');
    await person.signOut();
    await person.press('Continue with Other Works');
    await enterCode(person);
    await person.at('Profile');
  });

  story('an address that a trusted provider names needs no mail', async (person) => {
    await join(person);
    await person.page.getByText('verified', { exact: true }).waitFor();
  });
});

describe('providers that fail', () => {
  const story = visits({}, startWithUnruly);

  story('an answer that breaks a rule is not accepted, and another provider is used', async (person) => {
    await person.go('login');
    await person.press('Continue with Unruly Works');
    await person.page.waitForURL(`${person.service.issuers.unruly}/**`);
    await person.press('Sign in');
    await person.sees('Unruly Works sent an answer that this service does not accept. Please use another way.');
    await person.follow('Sign in');
    await person.press(CONTINUE);
    await signInThere(person);
    await person.at('Protect your account');
  });

  story('a provider that goes down during a sign-in is told, and is used once it is back', async (person) => {
    const { service } = person;
    const goDown = async (route) => {
      await service.stopProvider('other');
      await route.continue();
    };
    await person.page.route('**/finish', goDown, { times: 1 });
    await person.go('login');
    await person.press('Continue with Other Works');
    await signInThere(person);
    await person.sees('Other Works cannot be reached at the moment. Try again later, or use another way.');
    await service.startProvider('other');
    // Until then the service does not ask it again.
    await person.sees('You can try again now.');
    await person.press('Try again');
    // It was started again, and knows nothing of the sign-in.
    await person.sees('Other Works did not confirm the sign-in. Please start again.');
    await person.press('Continue with Other Works');
    await signInThere(person);
    await person.at('Protect your account');
  });

  story('what a provider answered is used once the service can ask it', async (person) => {
    await person.go('login');
    await person.press('Continue with Shaky Works');
    await person.page.waitForURL(`${person.service.issuers.shaky}/**`);
    await person.press('Sign in');
    await person.sees('Shaky Works cannot be reached at the moment.');
    await person.page.locator('.countdown').getByText('Please wait').waitFor();
    assert.ok(await person.page.getByRole('button', { name: 'Try again' }).isDisabled());
    await person.sees('You can try again now.');
    await person.press('Try again');
    await person.at('Protect your account');
  });

  story('more accounts than one account may have are refused, until one is disconnected', async (person) => {
    await person.signUp();
    await connectMany(person, 20);
    await person.follow('Security');
    const part = person.part('Connected accounts');
    await person.press('Connect Example', part);
    await signInThere(person);
    await person.sees('You cannot connect more accounts. Disconnect one first.');
    assert.equal(await person.page.getByRole('button', { name: 'Connect Example' }).count(), 0);
    await inspect(person, 'too many accounts');
    await person.follow('Security');
    await part.getByText('Disconnect Many Works').first().click();
    await person.press('Disconnect', part);
    await part.getByText('Disconnect Many Works').nth(19).waitFor({ state: 'detached' });
    // The provider still knows the user.
    await person.press('Connect Example', part);
    await person.at('Example is connected');
  });
});

describe('registration that is closed', () => {
  const story = visits({ REGISTRATION: 'closed' });

  story('is said to be', async (person) => {
    await person.go('login');
    await person.press(CONTINUE);
    await signInThere(person);
    await person.sees('No account here is connected with your Example account');
    await person.follow('Sign in');
    await person.at('Sign in');
  });
});
