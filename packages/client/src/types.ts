/** The types of requests and answers, for any operation of the API. */

import type { components, paths } from "./api.ts";

/** A schema of the API, as the OpenAPI document names it. */
export type Shape<Name extends keyof components["schemas"]> = components["schemas"][Name];

/** The methods of the API. */
export type Method = "get" | "post" | "put" | "patch" | "delete";

/** The paths that have a method. */
export type PathOf<M extends Method> = {
  [Path in keyof paths]: undefined extends paths[Path][M] ? never : Path;
}[keyof paths];

type Operation<Path extends keyof paths, M extends Method> = NonNullable<paths[Path][M]>;
type Json<Content> = Content extends { content: { "application/json": infer Body } } ? Body : undefined;
type Success<Responses> = {
  [Status in keyof Responses & (200 | 201 | 202 | 204)]: Json<Responses[Status]>;
}[keyof Responses & (200 | 201 | 202 | 204)];

/** The answer of an operation to a request that it accepts. */
export type Answer<Path extends keyof paths, M extends Method> =
  Operation<Path, M> extends { responses: infer Responses } ? Success<Responses> : never;

/** The body of a request; a form has no type here. */
export type BodyOf<Path extends keyof paths, M extends Method> =
  Operation<Path, M> extends { requestBody: infer Body } ? Json<Body> : undefined;

type Query<Path extends keyof paths, M extends Method> =
  Operation<Path, M> extends { parameters: { query?: infer Values } } ? Values : undefined;

type Values<Path extends keyof paths, M extends Method> =
  Operation<Path, M> extends { parameters: { path: infer Names } } ? Names : undefined;

type Member<Name extends string, Value> = [Value] extends [undefined]
  ? { [Key in Name]?: undefined }
  : { [Key in Name]: Value };

/** What a request needs beside its method and its path. */
export type Details<Path extends keyof paths, M extends Method> = Member<"body", BodyOf<Path, M>> &
  Member<"path", Values<Path, M>> & {
    /** The part of the URL behind the question mark. */
    query?: Query<Path, M> | undefined;
    /** Ends the request early. */
    signal?: AbortSignal | undefined;
  };

/** The last argument of a request, which may be left out where nothing in it is required. */
export type Rest<D> = Record<never, never> extends D ? [details?: D] : [details: D];

/** How `POST /step-up` and the answers of a login name a way to prove who the user is. */
export type ProofMethod = "passkey" | "totp" | "sms" | "recovery_code" | "password" | "email";
