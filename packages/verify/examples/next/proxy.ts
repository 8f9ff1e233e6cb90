// Requests to /internal pass only with a token of an editor.

import { signedIn } from '@/signed-in';

export const proxy = signedIn.proxy({ role: 'editor' });
export const config = { matcher: '/internal/:path*' };
