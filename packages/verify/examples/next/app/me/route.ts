import { signedIn } from '@/signed-in';

export const GET = signedIn({}, (request, caller) => Response.json({ sub: caller.sub }));
