// The adapter for Express, and for Connect: middleware for a route or a router.

import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Caller } from './claims.ts';
import type { Demand } from './demand.ts';
import { Refusal } from './refusal.ts';
import type { Verifier } from './verifier.ts';

declare global {
  namespace Express {
    interface Request {
      /** Who calls. Set on routes behind the middleware of `@vestibule/verify`. */
      caller: Caller;
    }
  }
}

/** Middleware. It answers requests that may not pass; for the others, it sets `request.caller`. */
export type Middleware = (
  request: IncomingMessage & { originalUrl?: string },
  response: ServerResponse,
  next: (error?: unknown) => void,
) => Promise<void>;

/** Returns the function that makes the middleware of a route from what the route demands. */
export function guard<App>(verifier: Verifier<App>): (demand?: Demand) => Middleware {
  return (demand) => {
    const callerOf = verifier.demand(demand);
    return async (request, response, next) => {
      const { method = '', originalUrl, url = '', headers } = request;
      try {
        // Below a router, `url` lacks the path of the router.
        const caller = await callerOf({ method, url: originalUrl ?? url, headers });
        Object.assign(request, { caller });
      } catch (error) {
        if (!(error instanceof Refusal)) return next(error);
        response.writeHead(error.status, error.headers).end(JSON.stringify(error.body));
        return;
      }
      next();
    };
  };
}
