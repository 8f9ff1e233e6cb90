// Deployments with a custom name, logo and colour.

import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'node:test';

import { AXE } from './libraries.mjs';
import { environment } from './environment.mjs';

const LOGO = join(mkdtempSync(join(tmpdir(), 'vestibule-logo-')), 'logo.svg');
// Twice as wide as it is high, with a script that must not run.
writeFileSync(
  LOGO,
  `<svg xmlns="http://www.w3.org/2000/svg" width="80" height="40"><script>document.title = 'ran'</script>
   <rect width="80" height="40" fill="#fc0"/></svg>`,
);
// The content security policy blocks axe-core, as it should, so it is off here.
const OPEN = { bypassCSP: true };

// Yellow cannot be read on white, and navy cannot be read on black.
for (const [colour, name] of [
  ['#ffcc00', 'Fox & "Friends"'],
  ['#000044', 'Night'],
]) {
  describe(`a deployment in ${colour}`, () => {
    const story = environment({ APP_NAME: name, ACCENT_COLOR: colour, LOGO });

    story(
      'shows its name and its picture, and can be read in light and dark',
      async (person) => {
        await person.go('login');
        await person.at('Sign in');
        assert.equal(await person.page.locator('.brand').innerText(), name);
        const picture = await person.page.locator('.brand img').evaluate(async (image) => {
          await image.decode();
          return [image.naturalWidth, image.naturalHeight, image.clientWidth, image.clientHeight];
        });
        assert.deepEqual(picture, [80, 40, 56, 28]);
        const accents = [];
        for (const colorScheme of ['light', 'dark']) {
          await person.page.emulateMedia({ colorScheme });
          // Colours change gradually. Those on the way are not the ones that are read.
          await person.page.evaluate(() => Promise.all(document.getAnimations().map(({ finished }) => finished)));
          await person.page.evaluate(AXE);
          const { violations } = await person.page.evaluate(() => globalThis.axe.run(document));
          assert.deepEqual(violations.map(({ id }) => id), [], colorScheme);
          accents.push(
            await person.page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue('--accent')),
          );
        }
        assert.notEqual(accents[0], accents[1]);
        assert.ok(!accents.includes('#1d4f91') && !accents.includes('#8ab8f5'), accents.join(' '));
      },
      OPEN,
    );

    story('runs nothing that is in its picture', async (person) => {
      await person.page.goto(person.service.page('logo'));
      assert.notEqual(await person.page.title(), 'ran');
      // The browser reports the blocked script, once, and nothing else.
      const [complaint, ...others] = person.faults.splice(0);
      assert.match(complaint, /Blocked script execution in '.*\/account\/logo'/);
      assert.deepEqual(others, []);
    });
  });
}
