// The adapter for Hono: middleware for a route.

import type { MiddlewareHandler } from 'hono';

import type { Caller } from './claims.ts';
import type { Demand } from './demand.ts';
import { Refusal } from './refusal.ts';
import type { Verifier } from './verifier.ts';

/** What the middleware sets: `context.get('caller')` says who calls. */
export interface CallerVariables<App = Record<string, unknown>> {
  Variables: { caller: Caller<App> };
}

/** Returns the function that makes the middleware of a route from what the route demands. */
export function guard<App>(verifier: Verifier<App>): (demand?: Demand) => MiddlewareHandler<CallerVariables<App>> {
  return (demand) => {
    const callerOf = verifier.demand(demand);
    return async (context, next) => {
      try {
        context.set('caller', await callerOf(context.req.raw));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        return error.toResponse();
      }
      await next();
      return undefined;
    };
  };
}
