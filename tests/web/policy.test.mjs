// The content security policy blocks foreign code and requests. Every other test fails if a page violates it.

import assert from 'node:assert/strict';

import { environment } from './environment.mjs';

const story = environment();

/** Changes the page, and returns what the browser reported. */
async function complaints(person, damage) {
  await person.go('login');
  await person.at('Sign in');
  await person.page.evaluate(damage);
  for (let tries = 0; person.faults.length === 0 && tries < 50; tries += 1) await person.page.waitForTimeout(100);
  return person.faults.splice(0).join('\n');
}

story('inline scripts do not run', async (person) => {
  const said = await complaints(person, () => {
    const script = document.createElement('script');
    try {
      script.textContent = 'globalThis.stranger = true';
    } catch {
      // Trusted types forbid it.
    }
    document.body.append(script);
  });
  assert.match(said, /TrustedScript|Content Security Policy/);
  assert.equal(await person.page.evaluate(() => globalThis.stranger), undefined);
});

story('text does not become markup', async (person) => {
  const said = await complaints(person, () => {
    setTimeout(() => (document.querySelector('h1').innerHTML = '<b>x</b>'));
  });
  assert.match(said, /TrustedHTML/);
  assert.equal(await person.page.locator('h1').innerText(), 'Sign in');
});

story('inline styles, foreign pictures and foreign requests are refused', async (person) => {
  for (const damage of [
    () => document.querySelector('h1').setAttribute('style', 'color: red'),
    () => document.body.append(Object.assign(new Image(), { src: 'https://stranger.example/x.png' })),
    () => void fetch('https://stranger.example/').catch(() => {}),
    () => void import('https://stranger.example/x.js').catch(() => {}),
  ]) {
    assert.match(await complaints(person, damage), /Content Security Policy/, String(damage));
  }
});

story('no page can put these into a frame', async (person) => {
  await person.context.route('https://stranger.example/', (route) =>
    route.fulfill({ contentType: 'text/html', body: `<iframe src="${person.service.page('login')}"></iframe>` }),
  );
  await person.page.goto('https://stranger.example/');
  // The browser shows its own error page instead.
  const [, frame] = person.page.frames();
  await frame.locator('h1').waitFor({ state: 'attached' });
  assert.equal(frame.url(), 'chrome-error://chromewebdata/');
  person.faults.splice(0);
});
