// The adapter for Next: route handlers of the app router, and the proxy in front of them (the middleware before
// Next 16). It needs nothing of Next but its `Request`, so other servers that take a `Request` can use it too.

import type { Caller } from './claims.ts';
import type { Demand } from './demand.ts';
import { Refusal } from './refusal.ts';
import type { Verifier } from './verifier.ts';

/** A route handler that knows its caller. `context` is Next's. */
export type Handler<App, Context> = (
  request: Request,
  caller: Caller<App>,
  context: Context,
) => Response | Promise<Response>;

/** Makes route handlers from what a route demands and what it does. */
export interface Guard<App> {
  <Context = unknown>(
    demand: Demand,
    handler: Handler<App, Context>,
  ): (request: Request, context: Context) => Promise<Response>;
  /**
   * Makes a proxy, which answers requests that may not pass and lets the others through. Route handlers behind it do
   * not know the caller: use the handlers above for those.
   */
  proxy(demand?: Demand): (request: Request) => Promise<Response | undefined>;
}

/** Returns the function that makes route handlers. */
export function guard<App>(verifier: Verifier<App>): Guard<App> {
  const signedIn = <Context>(demand: Demand, handler: Handler<App, Context>) => {
    const callerOf = verifier.demand(demand);
    return async (request: Request, context: Context) => {
      const caller = await refusedOr(callerOf(request));
      return caller instanceof Refusal ? caller.toResponse() : handler(request, caller, context);
    };
  };
  const proxy = (demand?: Demand) => {
    const callerOf = verifier.demand(demand);
    return async (request: Request) => {
      const caller = await refusedOr(callerOf(request));
      return caller instanceof Refusal ? caller.toResponse() : undefined;
    };
  };
  return Object.assign(signedIn, { proxy });
}

async function refusedOr<App>(caller: Promise<Caller<App>>): Promise<Caller<App> | Refusal> {
  try {
    return await caller;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}
