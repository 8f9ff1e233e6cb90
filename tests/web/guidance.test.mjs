// What the pages tell users before they go wrong, and what they say after something happened: on a phone and at a desk.

import assert from 'node:assert/strict';

import { PASSWORD } from './person.mjs';
import { environment } from './environment.mjs';

const single = environment({ PASSWORD_MIN_LENGTH: '12' });
const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };
const DESK = { viewport: { width: 1280, height: 800 } };

/** Defines a story twice. @type {typeof single} */
function story(name, play, options) {
  single(`${name} (phone)`, play, { ...PHONE, ...options });
  single(`${name} (desk)`, play, { ...DESK, ...options });
}

const focused = (page) => page.evaluate(() => document.activeElement?.getAttribute('name'));
const notice = (person, text) => person.page.locator('.notice').filter({ hasText: text }).waitFor();

/** Counts the codes that the pages send. */
function countCodes(person) {
  const sent = [];
  person.page.on('request', (request) => {
    if (request.url().endsWith('/2fa/verify')) sent.push(JSON.parse(request.postData()).code);
  });
  return sent;
}

story('an account is deleted by typing its name, and the page says what is gone', async (person) => {
  await person.signUp();
  const label = `To confirm, type ${person.email}`;
  await person.press('Delete my account');
  await person.sees('Please fill this in.');
  await person.fill(label, 'other@example.com');
  await person.press('Delete my account');
  await person.sees('This is not the name of your account.');
  await person.page.reload();
  await person.at('Profile');
  await person.fill(label, ` ${person.email.toUpperCase()} `);
  await person.press('Delete my account');
  await person.at('Your account is deleted');
  assert.equal(await focused(person.page), null);
  for (const part of ['your e-mail address', 'your password', 'your sessions', 'your API keys', 'A log of what']) {
    await person.sees(part);
  }
  assert.equal(await person.page.getByRole('navigation').count(), 0);
  await person.knock();
  await person.sees('The name or the password is wrong.');
  // The page claims nothing to a user who opens its address.
  await person.go('deleted');
  await person.at('Sign in');
});

story('after the last wrong code there is nothing but another sign-in, also later', async (person) => {
  await person.signUp();
  await person.signOut();
  await person.knock();
  await person.at('Confirm that it is you');
  for (const left of ['4 attempts', '3 attempts', '2 attempts', 'one attempt']) {
    await person.fill('Code', '000000');
    await person.sees(`You have ${left} left.`);
  }
  await person.fill('Code', '000000');
  const onlySignIn = async () => {
    await person.at('Please sign in again');
    await person.sees('too many wrong codes were entered');
    assert.equal(await person.page.locator('main input').count(), 0);
    assert.deepEqual(await person.page.locator('main').locator('button, a').allInnerTexts(), ['Sign in again']);
  };
  await onlySignIn();
  await person.page.reload();
  await onlySignIn();
  await person.go('second-factor');
  await onlySignIn();
  await person.press('Sign in again');
  await person.at('Sign in');
});

story('the token is for developers, with a warning', async (person) => {
  await person.signUp();
  await person.follow('Token');
  await person.at('Token');
  await person.sees('Never pass a token on.');
  // As `vestibule serve` writes the document, which a test of the service checks.
  const place = '<meta name="development" content="yes">';
  await person.page.route('**/account/*', async (route) => {
    if (route.request().resourceType() !== 'document') return route.fallback();
    const answer = await route.fetch();
    const text = await answer.text();
    assert.ok(text.includes(place));
    await route.fulfill({ response: answer, body: text.replace(place, place.replace("yes", "")) });
  });
  await person.page.goto(person.service.page());
  await person.at('Profile');
  assert.equal(await person.page.getByRole('link', { name: 'Token' }).count(), 0);
  await person.page.goto(person.service.page('token'));
  await person.at('This page does not exist');
  assert.ok(!(await person.page.locator('body').innerText()).includes('eyJ'));
});

story('the length of a password is named, measured and asked for', async (person) => {
  await person.go('register');
  await person.sees('At least 12 characters.');
  const meter = person.page.getByRole('meter', { name: 'Length of the password' });
  const value = () => meter.evaluate((element) => [element.value, element.max]);
  assert.deepEqual(await value(), [0, 12]);
  // Characters as the service counts them: an emoji is one, and so is a letter with its accent.
  await person.fill('Password', 'e\u0301🙂abc');
  await person.sees('5 of at least 12 characters');
  assert.deepEqual(await value(), [5, 12]);
  await person.fill('E-mail address', person.email);
  await person.press('Create the account');
  await person.sees('This password is too short. Please use at least 12 characters.');
  assert.equal(await focused(person.page), 'password');
  await person.fill('Password', PASSWORD);
  assert.deepEqual(await value(), [12, 12]);
  await person.page.getByRole('status').filter({ hasText: 'Long enough.' }).waitFor();
  await person.press('Create the account');
  await person.at('Protect your account');
});

story('recovery codes that were not saved are remembered on every page', async (person) => {
  await person.register();
  await person.at('Protect your account');
  person.secret = await person.scan();
  await person.confirm();
  await person.at('Recovery codes');
  const codes = await person.page.locator('ol.codes li').allInnerTexts();
  const reminder = person.page.getByRole('complementary', { name: 'Recovery codes' });
  assert.equal(await reminder.count(), 0);
  for (const tab of ['Profile', 'Security', 'Sessions', 'Apps', 'Activity']) {
    await person.follow(tab);
    await person.at(tab);
    await reminder.getByText('You have not confirmed that you saved your recovery codes.').waitFor();
  }
  await person.follow('Show the codes');
  await person.at('Recovery codes');
  assert.deepEqual(await person.page.locator('ol.codes li').allInnerTexts(), codes);
  // The codes end with the tab and the session. The reminder does not.
  await person.signOut();
  assert.equal(await reminder.count(), 0);
  await person.logIn();
  await reminder.waitFor();
  await reminder.getByRole('link', { name: 'Create new recovery codes' }).click();
  await person.at('Security');
  await person.press('Create new recovery codes', person.page.locator('main section'));
  await person.at('Recovery codes');
  await person.keepCodes();
  await person.at('Security');
  assert.equal(await reminder.count(), 0);
  await person.page.reload();
  await person.at('Security');
  assert.equal(await reminder.count(), 0);
});

story('a user who has saved the codes elsewhere says so', async (person) => {
  await person.register();
  await person.at('Protect your account');
  person.secret = await person.scan();
  await person.confirm();
  await person.at('Recovery codes');
  const tab = await person.context.newPage();
  await tab.goto(person.service.page());
  await person.at('Profile', tab);
  await tab.getByRole('button', { name: 'I have saved these codes.' }).click();
  await tab.reload();
  await person.at('Profile', tab);
  assert.equal(await tab.getByRole('complementary').count(), 0);
});

single(
  'long German words break where German words may',
  async (person) => {
    await person.register();
    await person.at(person.texts.setUp);
    person.secret = await person.scan();
    await person.confirm();
    await person.at(person.texts.recoveryCodes);
    const read = (/** @type {HTMLElement} */ heading) => {
      const text = /** @type {Text} */ (heading.firstChild);
      const found = new Map();
      for (let place = 0; place < text.length; place += 1) {
        const range = document.createRange();
        range.setStart(text, place);
        range.setEnd(text, place + 1);
        // The first letter of a line has the hyphen of the line before as a part.
        const { top, width } = [...range.getClientRects()].at(-1) ?? { top: 0, width: 0 };
        if (width > 0) found.set(top, (found.get(top) ?? '') + text.data[place]);
      }
      return [...found.values()].map((line) => line.replaceAll('\u00ad', ''));
    };
    for (const width of [320, 250]) {
      await person.page.setViewportSize({ width, height: 740 });
      const lines = await person.page.locator('h1').evaluate(read);
      assert.equal(lines.join(''), 'Wiederherstellungscodes');
      assert.ok(lines.length > 1, `${width} pixels are wide enough`);
      for (const line of lines) assert.match(line, /^(Wieder)?(herstellungs)?(codes)?$/, `${width}: ${lines}`);
    }
    assert.equal(await person.page.title(), 'Wiederherstellungscodes – Konto');
  },
  { ...PHONE, locale: 'de-DE' },
);

story('the field of the code has the focus, and the last digit sends the code, once', async (person) => {
  await person.signUp();
  await person.signOut();
  await person.knock();
  await person.at('Confirm that it is you');
  await person.page.waitForFunction(() => document.activeElement?.getAttribute('name') === 'code');
  const field = person.page.getByRole('form', { name: 'Confirm that it is you' }).getByLabel('Code', { exact: true });
  // Screen readers say where the code is found, and that no button has to be pressed.
  const hint = await field.evaluate((input) =>
    input
      .getAttribute('aria-describedby')
      .split(' ')
      .map((id) => document.getElementById(id)?.textContent)
      .join(' '),
  );
  assert.match(hint, /Open your authenticator app .* Six digits\. The last digit sends the code\./);

  const sent = countCodes(person);
  const { keyboard } = person.page;
  await keyboard.type('00000');
  assert.deepEqual(sent, []);
  await keyboard.type('0');
  await person.sees('You have 4 attempts left.');
  assert.deepEqual(sent, ['000000']);
  // The wrong code is gone, and the next one is typed into the same field.
  assert.equal(await field.inputValue(), '');
  assert.equal(await focused(person.page), 'code');
  // A slow service: neither another digit, nor a blank, nor the Enter key sends a code twice.
  await person.page.route('**/2fa/verify', async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    await route.fallback();
  });
  await keyboard.type('111111');
  await keyboard.type(' ');
  await keyboard.press('Enter');
  await person.sees('You have 3 attempts left.');
  assert.deepEqual(sent, ['000000', '111111']);
  // What a browser fills in from a message arrives at once, and a code may be pasted with blanks and marks.
  const code = await person.code();
  await field.fill(`\u2066${code.slice(0, 3)}\u00a0${code.slice(3)}\u2069`);
  await person.at('Profile');
  assert.equal(sent.length, 3);
});

story('what happened is said on the sign-in page', async (person) => {
  await person.register();
  await person.at('Protect your account');
  await person.press('Do this later');
  await person.at('Sign in');
  await notice(person, 'Your account is ready, but not fully protected yet.');
  // Screen readers say it with the heading, which has the focus.
  const described = await person.page.evaluate(() => document.activeElement?.getAttribute('aria-describedby'));
  assert.match(await person.page.locator(`#${described}`).innerText(), /continue when you sign in again/);
  await person.press('Deutsch');
  await notice(person, 'noch nicht ganz geschützt');
  await person.press('English');
  await person.knock();
  await person.setUp();
  await person.at('Profile');
  await person.signOut();
  await notice(person, 'You are signed out.');
  await person.follow('Create an account');
  await person.at('Create an account');
  assert.equal(await person.page.locator('.notice').filter({ hasText: 'signed out' }).count(), 0);
});

story('signing out in one tab shows the sign-in page in the others at once', async (person) => {
  await person.signUp();
  const tabs = [];
  for (const page of ['', 'security', 'activity']) {
    const tab = await person.context.newPage();
    await tab.goto(person.service.page(page));
    await tab.getByRole('navigation').waitFor();
    tabs.push(tab);
  }
  const before = Date.now();
  await person.signOut();
  for (const tab of tabs) {
    await person.at('Sign in', tab);
    await tab.getByText('You are signed out.').waitFor();
    assert.ok(!(await tab.locator('body').innerText()).includes(person.email));
  }
  assert.ok(Date.now() - before < 5_000);
});

story('a link that does not work is explained before a password is typed', async (person) => {
  for (const [page, ways] of [
    ['reset-password', ['Ask for another e-mail', 'Sign in']],
    // Another mail is sent from the profile, which a stranger cannot see.
    ['verify-email', ['Sign in']],
  ]) {
    await person.go(`${page}#token=nonsense`);
    await person.at('This link does not work');
    assert.equal(await person.page.locator('main input').count(), 0);
    assert.deepEqual(await person.page.locator('main a').allInnerTexts(), ways);
  }
  await person.signUp();
  await person.proveAddress();
  await person.signOut();
  await person.service.call('POST', '/password/forgot', { email: person.email });
  const { link } = await person.service.message(person.email, 'password_reset');
  // Looking at the page, again and again, does not use the link up.
  for (let times = 0; times < 3; times += 1) {
    await person.page.goto(link);
    await person.at('Choose a new password');
    await person.page.goto('about:blank');
  }
  await person.page.goto(link);
  await person.fill('New password', 'heftklammer im regen');
  await person.press('Set the password');
  await person.at('Your password is set');
  await person.page.goto('about:blank');
  await person.page.goto(link);
  await person.at('This link does not work');
  await person.follow('Ask for another e-mail');
  await person.at('Forgotten password');
});

story('where there is no page, one says so', async (person) => {
  for (const path of ['account/nothing', 'account/login/', 'account/constructor', 'nothing/at/all', 'favicon']) {
    const answer = await person.page.goto(`${person.service.url}/${path}`);
    assert.equal(answer.status(), 404, path);
    await person.at('This page does not exist');
  }
  await person.follow('Sign in');
  await person.at('Sign in');
});

story('an empty form names all that is missing', async (person) => {
  const faults = () => person.page.locator('.fault:not(:empty)').allInnerTexts();
  await person.go('login');
  await person.press('Sign in');
  assert.deepEqual(await faults(), ['Please fill this in.', 'Please fill this in.']);
  await person.go('register');
  await person.press('Create the account');
  assert.deepEqual(await faults(), ['Please enter an e-mail address or a user name.', 'Please fill this in.']);
  assert.equal(await focused(person.page), 'email');
  await person.fill('E-mail address', 'nonsense');
  await person.fill('Password', 'short');
  await person.press('Create the account');
  assert.deepEqual(await faults(), [
    'Please enter an e-mail address, such as jo@example.com.',
    'This password is too short. Please use at least 12 characters.',
  ]);
});

single('password managers and browsers know what every field is for', async (person) => {
  const unnamed = () =>
    person.page.evaluate(() =>
      [...document.querySelectorAll('main input:not([type=checkbox]):not([type=radio]), dialog input')]
        .filter((input) => !input.getAttribute('autocomplete'))
        .map((input) => input.outerHTML),
    );
  for (const page of ['login', 'login-by-mail', 'lost-device', 'register', 'forgot-password']) {
    await person.go(page);
    await person.page.locator('main input').first().waitFor();
    assert.deepEqual(await unnamed(), [], page);
  }
  await person.signUp();
  for (const [page, heading] of [
    ['', 'Profile'],
    ['security', 'Security'],
    ['applications', 'Apps'],
  ]) {
    await person.go(page);
    await person.at(heading);
    assert.deepEqual(await unnamed(), [], page);
  }
});
