/** The HTTP server of one door: registers the route table, checks who asks, and turns whatever goes wrong into a problem reply. */
import type { Server } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { fastify } from 'fastify';
import { PooldError } from '../errors.ts';
import type { Door } from './auth.ts';
import { Gate } from './auth.ts';
import type { Patience, Tls } from './http-server.ts';
import { closeServer, httpServer, refuseBrokenRequest } from './http-server.ts';
import { LIMITS } from './limits.ts';
import { watchLines } from './lines.ts';
import type { ApiContext, ApiLog, ObserveRequest } from './ports.ts';
import { problemHeaders, problemOf } from './problem.ts';
import { pooldError, readBody } from './request-faults.ts';
import type { Caller, Reply, Route } from './route.ts';
import { methodsAt, methodsOf } from './routes.ts';
import { sendPieces } from './send-pieces.ts';

export interface ApiServerOptions {
  readonly context: ApiContext;
  readonly door: Door;
  readonly routes: readonly Route[];
  readonly tls: Tls | null;
  readonly patience: Patience;
  readonly log: ApiLog;
  readonly observeRequest: ObserveRequest;
  /** Until then whoever has got in waits. */
  readonly opened: Promise<void>;
}

export interface ApiServer {
  /** Ready to listen. */
  readonly server: Server;
  /** Ends streams, lets answers under way finish for at most `graceMs`, then closes every connection. */
  close(graceMs: number): Promise<void>;
}

export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { context, door } = options;
  const routes = options.routes.filter((route) => door.kind !== 'metrics' || route.onMetricsDoor);
  const closing = new AbortController();
  const { app, server } = framework(options);
  const visits = new Set<Visit>();
  admitted(app, options, { visits, closing: closing.signal });
  for (const route of routes) {
    app.route({
      method: [...methodsOf(route)],
      url: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      config: { row: route },
      handler: async (request, reply) => {
        const { visit, params, query, body } = request;
        if (visit?.caller == null) throw new Error('a request came past the gate');
        await options.opened;
        const { signal } = visit.gone;
        const call = { params, query, body, caller: visit.caller, header: headersOf(request), signal };
        try {
          await send(options, { reply, route, signal, visit, answer: await route.run(context, call) });
        } catch (error) {
          if (!signal.aborted || !(isAbort(error) || error instanceof PooldError)) throw error;
          // Whatever a wait that was cut short is refused for, this is why.
          if (closing.signal.aborted) throw closing.signal.reason;
          // The client has gone: there is nobody to tell.
          reply.hijack();
        }
        return reply;
      },
    });
  }
  app.setNotFoundHandler((request, reply) => refuse(reply, unknownRoute(routes, { request, reply })));
  await app.ready();
  const sweep = watchLines(server, context.clock);
  return {
    server,
    async close(graceMs) {
      closing.abort(new PooldError('shutting_down', 'cannot answer any more: poold is stopping'));
      for (const { gone } of visits) gone.abort(closing.signal.reason);
      await closeServer(server, { clock: context.clock, graceMs });
      sweep.cancel();
      await app.close();
    },
  };
}

function framework({ tls, patience, log, context: { clock } }: ApiServerOptions): {
  readonly app: FastifyInstance;
  readonly server: Server;
} {
  let server: Server | undefined;
  const app = fastify({
    logger: false,
    bodyLimit: LIMITS.bodyBytes,
    exposeHeadRoutes: false,
    frameworkErrors: (error, request, reply) => {
      void refuse(reply as FastifyReply, pooldError(error, { log, requestId: request.id }));
    },
    clientErrorHandler: (error, socket) => refuseBrokenRequest(error, socket, { patience, clock }),
    serverFactory: (handler) => {
      server = httpServer(handler, { tls, patience, clock });
      return server;
    },
  });
  if (server === undefined) throw new Error('fastify did not make a server');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => readBody(body as Buffer, done));
  app.setErrorHandler((error, request, reply) => {
    const known = pooldError(error, { log, requestId: request.id });
    // A connection that is closed over unread bytes takes the refusal with it: the rest of the body is read, within the time of a request.
    if (known.code === 'too_large') reply.removeHeader('connection');
    return refuse(reply, known);
  });
  return { app, server };
}

/** A request, from its head until its answer is closed. */
class Visit {
  /** Null until the gate has let it in. */
  caller: Caller | null = null;
  /** Aborted when the client has hung up on an answer that is not out yet, or the server closes; the reason tells which. */
  readonly gone = new AbortController();
  readonly #startedMs: number;
  readonly #options: ApiServerOptions;
  #observed = false;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#startedMs = options.context.clock.nowMs();
  }

  /** Counts it once: a stream with its head, anything else, and what never got to a head, when it is over. */
  observe(route: Route | null, status: number): void {
    const { context, observeRequest } = this.#options;
    if (!this.#observed) observeRequest(route?.path ?? 'none', status, (context.clock.nowMs() - this.#startedMs) / 1000);
    this.#observed = true;
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    visit: Visit | null;
  }
}

interface Visits {
  readonly visits: Set<Visit>;
  readonly closing: AbortSignal;
}

/** Nobody gets further than this hook without a role that suffices; it runs before a byte of the body is read. */
function admitted(app: FastifyInstance, options: ApiServerOptions, { visits, closing }: Visits): void {
  const gate = new Gate(options.door, options.context.clock);
  app.decorateRequest('visit', null);
  // With a callback: a promise per request would cost more than the check.
  app.addHook('onRequest', (request, reply, done) => {
    const route = rowOf(request);
    const visit = new Visit(options);
    request.visit = visit;
    visits.add(visit);
    reply.raw.once('close', () => {
      visits.delete(visit);
      visit.observe(route, reply.raw.statusCode);
      if (!reply.raw.writableFinished) visit.gone.abort();
    });
    if (closing.aborted) visit.gone.abort(closing.reason);
    try {
      visit.caller = gate.admit(route?.access ?? null, { header: headersOf(request), peer: request.socket.remoteAddress ?? '' });
    } catch (error) {
      return done(error as Error);
    }
    done();
  });
}

interface Sending {
  readonly reply: FastifyReply;
  readonly route: Route;
  readonly signal: AbortSignal;
  readonly visit: Visit;
  readonly answer: Reply;
}

async function send({ context, log }: ApiServerOptions, { reply, route, signal, visit, answer }: Sending): Promise<void> {
  reply.code(answer.status).header('cache-control', 'no-store');
  if ('text' in answer) {
    reply.type(answer.type).send(answer.text);
  } else if ('body' in answer) {
    reply
      .headers(answer.headers ?? {})
      .type('application/json')
      .send(JSON.stringify(answer.body));
  } else {
    await sendPieces(answer, {
      response: reply.raw,
      clock: context.clock,
      signal,
      // Until here a failure is a problem reply; from here on the answer is ours alone.
      begun: () => {
        reply.hijack();
        if (route.streams) visit.observe(route, answer.status);
      },
      failed: (error) => log.error({ err: error, route: route.path }, 'cannot go on with a stream: cut'),
    });
  }
}

function refuse(reply: FastifyReply, error: PooldError): FastifyReply {
  const problem = problemOf(error);
  return reply.code(problem.status).headers(problemHeaders(problem)).send(JSON.stringify(problem));
}

function unknownRoute(
  routes: readonly Route[],
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
): PooldError {
  const allowed = methodsAt(routes, request.url.split('?', 1)[0] ?? '');
  if (allowed.length === 0) return new PooldError('not_found', 'cannot answer: there is no such route; GET /openapi.json lists them');
  reply.header('allow', allowed.join(', '));
  return new PooldError('method_not_allowed', `cannot ${request.method} here: there is ${allowed.join(', ')}`);
}

function rowOf(request: FastifyRequest): Route | null {
  return (request.routeOptions.config as { readonly row?: Route } | undefined)?.row ?? null;
}

function headersOf(request: FastifyRequest): (name: string) => string | null {
  return (name) => {
    const value = request.headers[name];
    return Array.isArray(value) ? value.join(', ') : (value ?? null);
  };
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
