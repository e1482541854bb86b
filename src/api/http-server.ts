/** Node's HTTP server with our bounds instead of its own. */
import type { RequestListener, Server, ServerOptions, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Clock } from '../clock.ts';
import { PooldError } from '../errors.ts';
import { LIMITS } from './limits.ts';
import { answerable } from './lines.ts';
import { problemHeaders, problemOf } from './problem.ts';

export interface Tls {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** How long a client may take to say what it wants. */
export interface Patience {
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

export interface HttpOptions {
  readonly tls: Tls | null;
  readonly patience: Patience;
  readonly clock: Clock;
}

export function httpServer(handler: RequestListener, { tls, patience, clock }: HttpOptions): Server {
  const options: ServerOptions = {
    maxHeaderSize: LIMITS.headerBytes,
    headersTimeout: patience.headersTimeoutMs,
    requestTimeout: patience.requestTimeoutMs,
    keepAliveTimeout: LIMITS.keepAliveTimeoutMs,
    // Node looks for overdue requests only this often; its 30 s would make 40 s of the 10 s.
    connectionsCheckingInterval: 1_000,
    insecureHTTPParser: false,
    // Node would take the first Host, Origin or Authorization of several: whoever stands in front may go by the last.
    joinDuplicateHeaders: true,
    // Node refuses a request without Host in its own words; ours are below.
    requireHostHeader: false,
    // Over TCP a host that died says nothing: whoever waits there, or holds a lease by the connection, is found gone by this.
    keepAlive: true,
    keepAliveInitialDelay: LIMITS.keepAliveTimeoutMs,
  };
  const listener: RequestListener = (request, response) => {
    // HTTP/1.0 knew no Host.
    if (request.headers.host !== undefined || request.httpVersion === '1.0') return handler(request, response);
    return refuseRequest(response, new PooldError('invalid_request', 'cannot read the request: HTTP/1.1 asks for a Host header'));
  };
  const server: Server =
    tls === null
      ? createServer(options, listener)
      : createTlsServer({ ...options, ...tls, minVersion: 'TLSv1.2', handshakeTimeout: patience.headersTimeoutMs }, listener);
  refuseByOurWords(server, clock);
  server.maxConnections = LIMITS.connections;
  return server;
}

/** What can't be parsed never reaches a route: it gets its problem reply here, on the bare connection, which then ends. */
export function refuseBrokenRequest(
  error: Error & { readonly code?: string },
  socket: Duplex,
  { patience, clock }: Pick<HttpOptions, 'patience' | 'clock'>,
): void {
  // It goes on sending what cannot be read.
  if (refused.has(socket)) return;
  if (error.code === 'ECONNRESET' || !socket.writable || !answerable(socket)) {
    socket.destroy();
    return;
  }
  refuseOnSocket(socket, clock, brokenRequest(error.code, patience));
}

/** What Node would answer with an empty 417, and with nothing at all. */
function refuseByOurWords(server: Server, clock: Clock): void {
  server.on('checkExpectation', (_request, response) => {
    refuseRequest(response, new PooldError('invalid_request', 'cannot meet the Expect header: leave it out, or send 100-continue'));
  });
  server.on('connect', (_request, socket) => {
    // Node lets go of the socket with this event, and of its errors too.
    socket.on('error', () => socket.destroy());
    if (!answerable(socket)) {
      socket.destroy();
      return;
    }
    refuseOnSocket(socket, clock, new PooldError('method_not_allowed', 'cannot CONNECT: poold is no proxy'));
    socket.resume();
  });
}

function refuseRequest(response: ServerResponse, error: PooldError): void {
  const problem = problemOf(error);
  response.writeHead(problem.status, { ...problemHeaders(problem), connection: 'close' }).end(JSON.stringify(problem));
}

/** They are read on for a while and nobody looks at it: closed with something unread, a connection would take the answer along. */
const refused = new WeakSet<Duplex>();

function refuseOnSocket(socket: Duplex, clock: Clock, error: PooldError): void {
  const problem = problemOf(error);
  const body = JSON.stringify(problem);
  const headers = { ...problemHeaders(problem), 'content-length': String(Buffer.byteLength(body)), connection: 'close' };
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  refused.add(socket);
  const cut = clock.after(LIMITS.lingerMs, () => socket.destroy());
  socket.once('close', () => cut.cancel());
  socket.end(`HTTP/1.1 ${problem.status} ${problem.title}\r\n${head.join('')}\r\n${body}`);
}

/** Stops listening, gives answers under way `graceMs`, then closes every connection. */
export function closeServer(server: Server, { clock, graceMs }: { readonly clock: Clock; readonly graceMs: number }): Promise<void> {
  return new Promise((resolve) => {
    const cut = clock.after(graceMs, () => server.closeAllConnections());
    server.close(() => {
      cut.cancel();
      resolve();
    });
    server.closeIdleConnections();
  });
}

function brokenRequest(code: string | undefined, { headersTimeoutMs, requestTimeoutMs }: Patience): PooldError {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new PooldError('too_large', `cannot read the request: its headers are larger than ${LIMITS.headerBytes} bytes`);
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new PooldError(
      'invalid_request',
      `cannot wait for the request any longer: headers take at most ${headersTimeoutMs / 1000} s, all of it ${requestTimeoutMs / 1000} s`,
    );
  }
  return new PooldError('invalid_request', 'cannot read the request: it is not valid HTTP/1.1');
}
