/** The HTTP server of one door: registers the route table, checks who asks, and turns whatever goes wrong into a problem reply. */
import type { Server } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { fastify } from 'fastify';
import { PooldError } from '../errors.ts';
import type { Door } from './auth.ts';
import { Gate } from './auth.ts';
import { cutUnread } from './cut-unread.ts';
import type { Patience, Tls } from './http-server.ts';
import { closeServer, httpServer, refuseBrokenRequest } from './http-server.ts';
import { LIMITS } from './limits.ts';
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
  const callers = admitted(app, options);
  for (const route of routes) {
    app.route({
      method: [...methodsOf(route)],
      url: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      config: { row: route },
      handler: async (request, reply) => {
        const signal = goneSignal(reply, closing.signal);
        const caller = callers.get(request);
        if (caller === undefined) throw new Error('a request came past the gate');
        const { params, query, body } = request;
        const answer = await route.run(context, { params, query, body, caller, header: headersOf(request), signal });
        await send(options, { reply, route, signal, answer });
        return reply;
      },
    });
  }
  app.setNotFoundHandler((request, reply) => refuse(reply, unknownRoute(routes, { request, reply })));
  await app.ready();
  const sweep = cutUnread(server, context.clock);
  return {
    server,
    async close(graceMs) {
      closing.abort();
      await closeServer(server, { clock: context.clock, graceMs });
      sweep.cancel();
      await app.close();
    },
  };
}

function framework({ tls, patience, log }: ApiServerOptions): { readonly app: FastifyInstance; readonly server: Server } {
  let server: Server | undefined;
  const app = fastify({
    logger: false,
    bodyLimit: LIMITS.bodyBytes,
    exposeHeadRoutes: false,
    frameworkErrors: (error, request, reply) => {
      void refuse(reply as FastifyReply, pooldError(error, { log, requestId: request.id }));
    },
    clientErrorHandler: (error, socket) => refuseBrokenRequest(error, socket, patience),
    serverFactory: (handler) => {
      server = httpServer(handler, { tls, patience });
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

/** Nobody gets further than this hook without a role that suffices; it runs before a byte of the body is read. */
function admitted(app: FastifyInstance, { context, door, observeRequest }: ApiServerOptions): WeakMap<FastifyRequest, Caller> {
  const gate = new Gate(door, context.clock);
  const callers = new WeakMap<FastifyRequest, Caller>();
  app.addHook('onRequest', async (request, reply) => {
    const route = rowOf(request);
    if (!route?.streams) {
      const startedMs = context.clock.nowMs();
      reply.raw.once('close', () =>
        observeRequest(route?.path ?? 'none', reply.raw.statusCode, (context.clock.nowMs() - startedMs) / 1000),
      );
    }
    callers.set(request, gate.admit(route?.access ?? null, { header: headersOf(request), peer: request.socket.remoteAddress ?? '' }));
  });
  return callers;
}

interface Sending {
  readonly reply: FastifyReply;
  readonly route: Route;
  readonly signal: AbortSignal;
  readonly answer: Reply;
}

async function send({ context, log, observeRequest }: ApiServerOptions, { reply, route, signal, answer }: Sending): Promise<void> {
  reply.code(answer.status).header('cache-control', 'no-store');
  if ('text' in answer) {
    reply.type(answer.type).send(answer.text);
  } else if ('body' in answer) {
    reply
      .headers(answer.headers ?? {})
      .type('application/json')
      .send(JSON.stringify(answer.body));
  } else {
    const startedMs = context.clock.nowMs();
    await sendPieces(answer, {
      response: reply.raw,
      clock: context.clock,
      signal,
      // Until here a failure is a problem reply; from here on the answer is ours alone.
      begun: () => {
        reply.hijack();
        if (route.streams) observeRequest(route.path, 200, (context.clock.nowMs() - startedMs) / 1000);
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

/** Aborted when the client has hung up, or the server closes. */
function goneSignal(reply: FastifyReply, closing: AbortSignal): AbortSignal {
  const gone = new AbortController();
  const abort = (): void => gone.abort();
  closing.addEventListener('abort', abort, { once: true });
  reply.raw.once('close', () => {
    closing.removeEventListener('abort', abort);
    abort();
  });
  if (closing.aborted) abort();
  return gone.signal;
}
