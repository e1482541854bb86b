/** The shape of one row of the route table: whatever is known about a route stands in it, and the server, OpenAPI and tests read it there. */
import type { z } from 'zod';
import type { Code } from '../errors.ts';
import type { ApiContext } from './ports.ts';
import { accept } from './problem.ts';
import type { Access, Role } from './roles.ts';

/** Who asks, as the door established it. */
export interface Caller {
  readonly by: string;
  readonly claimed: boolean;
  /** Of the door or of the token; null for whom nobody knows, which only open routes answer. */
  readonly role: Role | null;
}

export interface RawCall {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly caller: Caller;
  /** Of the request, by lower-case name. */
  header(name: string): string | null;
  /** Aborted when the client has gone before it had its answer whole, and when the server closes: then its reason is PooldError `shutting_down`. */
  readonly signal: AbortSignal;
}

export interface Call<P, Q, B> extends Omit<RawCall, 'params' | 'query' | 'body'> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
}

export type Reply =
  | { readonly status: number; readonly body: unknown; readonly headers?: Readonly<Record<string, string>> }
  | { readonly status: number; readonly text: string; readonly type: string }
  | StreamReply;

/** Pieces go out as the client takes them; one that takes none for `LIMITS.unreadMs` is cut. */
export interface StreamReply {
  readonly status: 200;
  readonly type: string;
  readonly pieces: AsyncIterable<string>;
  /** Sent when nothing else was for `LIMITS.heartbeatMs`. */
  readonly heartbeat: string | null;
  /** May be silent for long: the head goes out at once. Otherwise it waits for the first piece, whose failure is still a problem reply. */
  readonly follows: boolean;
}

/** A header of a request that the route reads. */
export interface HeaderSpec {
  readonly name: string;
  readonly says: string;
}

export interface Answer {
  readonly status: number;
  readonly says: string;
  /** Absent where the answer is plain text. */
  readonly schema?: z.ZodType;
  /** `application/json` unless said otherwise. */
  readonly type?: string;
}

export interface Route {
  /** Unique; the `operationId`. */
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** As OpenAPI writes it: `/v1/pools/{pool}`. */
  readonly path: string;
  readonly access: Access;
  /** Also on the listener for metrics. */
  readonly onMetricsDoor: boolean;
  /** Answers with a stream, be it only to some requests. */
  readonly streams: boolean;
  readonly says: string;
  readonly headers: readonly HeaderSpec[];
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  /** Null where none is taken. */
  readonly body: z.ZodObject | null;
  readonly answers: readonly Answer[];
  /** Codes beyond those that any request can meet. */
  readonly refusals: readonly Code[];
  /** Checks the request against the schemas and answers it. Throws PooldError. */
  run(context: ApiContext, call: RawCall): Promise<Reply>;
}

export interface RouteSpec<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodObject> {
  readonly id: string;
  readonly method: Route['method'];
  readonly path: string;
  readonly access: Access;
  readonly onMetricsDoor?: boolean;
  readonly streams?: boolean;
  readonly says: string;
  readonly headers?: readonly HeaderSpec[];
  readonly params: P;
  readonly query: Q;
  readonly body: B | null;
  readonly answers: readonly Answer[];
  readonly refusals?: readonly Code[];
  handle(context: ApiContext, call: Call<z.output<P>, z.output<Q>, z.output<B>>): Reply | Promise<Reply>;
}

/** Makes a row of it: the handler sees only what its schemas let through. */
export function route<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodObject>(spec: RouteSpec<P, Q, B>): Route {
  const { handle, ...row } = spec;
  return {
    onMetricsDoor: false,
    streams: false,
    headers: [],
    refusals: [],
    ...row,
    async run(context, call) {
      const params = accept(spec.params, call.params, 'path');
      const query = accept(spec.query, call.query, 'query');
      const body = (spec.body === null ? {} : accept(spec.body, call.body ?? {}, 'body')) as z.output<B>;
      return handle(context, { ...call, params, query, body });
    },
  };
}
