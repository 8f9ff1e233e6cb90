// The adapter for Fastify: an `onRequest` hook for a route.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import type { Caller } from './claims.ts';
import type { Demand } from './demand.ts';
import { Refusal } from './refusal.ts';
import type { Verifier } from './verifier.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls. Set on routes with the hook of `@vestibule/verify`. */
    caller: Caller;
  }
}

/** An `onRequest` hook. It answers requests that may not pass; for the others, it sets `request.caller`. */
export type Hook = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

/** Returns the function that makes the hook of a route from what the route demands. Call it once for an application. */
export function guard<App>(verifier: Verifier<App>, app: FastifyInstance): (demand?: Demand) => Hook {
  if (!app.hasRequestDecorator('caller')) app.decorateRequest('caller');
  return (demand) => {
    const callerOf = verifier.demand(demand);
    return async (request, reply) => {
      const { method, originalUrl: url, headers } = request;
      try {
        request.caller = (await callerOf({ method, url, headers })) as Caller;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        return reply.code(error.status).headers(error.headers).send(error.body);
      }
      return undefined;
    };
  };
}
