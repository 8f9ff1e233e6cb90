import { signedIn } from '@/signed-in';

export const GET = signedIn({ role: 'editor' }, (request, caller) => Response.json({ sub: caller.sub }));
