// Third-party libraries, from where scripts/test installs them.

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** The directory of the project. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const load = createRequire(`${ROOT}target/web-tests/`);

export const { chromium } = load('playwright-core');
export const { generateSync } = load('otplib');
export const { PNG } = load('pngjs');
const decoder = load('jsqr');
export const jsQR = decoder.default ?? decoder;
/** The script of axe-core, to run in pages. */
export const AXE = load('axe-core').source;
