import { signedIn } from '@/signed-in';

export const POST = signedIn({ maxAge: 300 }, (request, caller) => Response.json({ sub: caller.sub }));
