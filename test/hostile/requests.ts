/** Requests of all kinds to every route of the daemon's own API document. */
import fc from 'fast-check';
import { bodyOf, headersOf, wildBody } from './request-parts.ts';
import type { Hints, Schema } from './schema-values.ts';
import { nearlyValid, oddText, often, valid } from './schema-values.ts';

/** The pool that requests may do anything to; another one that is only asked, leased and looked at. */
export const BUSY = 'busy';
export const QUIET = 'quiet';

export const DOORS = [
  'api',
  'lease',
  'tcp read',
  'tcp lease',
  'tcp operate',
  'tcp admin',
  'tcp nobody',
  'tcp stranger',
  'metrics',
] as const;
export type Door = (typeof DOORS)[number];

/** `«lease:7»` and the like, wherever it stands, becomes an id or token that the daemon has told before. */
export interface HostileRequest {
  /** The `operationId`. */
  readonly route: string;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Bytes as latin1, or null for none. */
  readonly body: string | null;
  readonly chunked: boolean;
  readonly door: Door;
}

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly schema: Schema;
}

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: Schema } } };
}

export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** Requests to all routes alike. */
export function hostileRequests(document: ApiDocument): fc.Arbitrary<HostileRequest> {
  const routes = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => requestTo(method.toUpperCase(), path, operation)),
  );
  return fc.oneof(...routes);
}

function requestTo(method: string, path: string, operation: Operation): fc.Arbitrary<HostileRequest> {
  const parameters = operation.parameters ?? [];
  const hints = hintsFor(method, path, operation);
  const inPath = parameters.filter((one) => one.in === 'path');
  const inQuery = parameters.filter((one) => one.in === 'query');
  const read = parameters.filter((one) => one.in === 'header');
  return fc
    .record({
      pieces: fc.tuple(...inPath.map((one) => pieceOf(one, hints))),
      query: queryOf(inQuery, hints),
      headers: headersOf({ read, hasBody: operation.requestBody !== undefined, hints }),
      body:
        operation.requestBody === undefined
          ? often(null, wildBody)
          : bodyOf(operation.requestBody.content['application/json'].schema, hints),
      chunked: fc.boolean(),
      method: often(method, fc.constantFrom('HEAD', 'PUT', 'PATCH', 'OPTIONS', 'TRACE', 'GET', 'PROPFIND')),
      door: fc.oneof({ weight: 6, arbitrary: fc.constant<Door>('api') }, { weight: 4, arbitrary: fc.constantFrom(...DOORS) }),
    })
    .map(({ pieces, query, ...rest }) => {
      let target = path;
      for (const [index, { name }] of inPath.entries()) target = target.replace(`{${name}}`, () => pieces[index] ?? '');
      return { route: operation.operationId, ...rest, target: target + query };
    })
    .filter((request) => !endsTheDaemon(request) && !fillsTheMachine(request));
}

/** Ten thousand engines may be asked for, and are started then. */
function fillsTheMachine({ route, body }: HostileRequest): boolean {
  return route === 'scalePool' && /"replicas":\s*\d{2}/.test(body ?? '');
}

/** Whatever may be meant as an order to end is left out, be it as broken as it likes; what is refused at the door is not. */
function endsTheDaemon({ route, body, door }: HostileRequest): boolean {
  return route === 'shutdown' && ['api', 'tcp admin'].includes(door) && /stop|keep/.test(body ?? '');
}

/** What exists is told by the daemon; waits end within the test, and what stops an engine is about the busy pool. */
function hintsFor(method: string, path: string, operation: Operation): Hints {
  const acts = method === 'POST' && path.startsWith('/v1/pools/{pool}/') && operation.operationId !== 'acquireLease';
  const id = path.includes('/operations/') ? 'operation' : path.includes('/tickets/') ? 'ticket' : 'lease';
  const known = (what: string): fc.Arbitrary<string> => fc.nat(63).map((index) => `«${what}:${index}»`);
  return {
    pool: acts ? fc.constant(BUSY) : fc.constantFrom(QUIET, BUSY),
    pools: fc.constantFrom(QUIET, `${QUIET},${BUSY}`, 'nope'),
    replica: fc.constantFrom('0', '1', '7'),
    id: known(id),
    token: fc.oneof(known('token'), fc.string({ unit: fc.constantFrom(...'0123456789.'), minLength: 1, maxLength: 30 })),
    'Poold-Lease-Token': known('token'),
    'Idempotency-Key': fc.nat(30).map((key) => `key-${key}`),
    'Last-Event-ID': fc.oneof(known('cursor'), fc.constantFrom('1:1', '1:999999999999999', '0:0', '7:7')),
    wait: fc.constantFrom('0s', '1ms', '20ms'),
    since: fc.oneof(fc.constantFrom('1h', '0s', '2026-11-03T08:00:00Z', '1ms'), known('cursor')),
    older: fc.constantFrom('0s', '1ms', '10m'),
    type: fc.constantFrom('engine', 'lease.granted,drain', 'breaker.*', 'daemon.started'),
    signal: fc.constantFrom('SIGHUP', 'USR1', 'SIGCONT', 'SIGTERM', 'KILL'),
    tail: fc.nat(100).map(String),
    limit: fc.integer({ min: 1, max: 1000 }).map(String),
    min: fc.constantFrom('1', '2', '3'),
    replicas: fc.nat(2),
    ttlMs: fc.integer({ min: 100, max: 2_000 }),
    waitMs: fc.constantFrom(0, 1, 20),
    ticketMs: fc.integer({ min: 1, max: 500 }),
    deadlineMs: fc.constantFrom(0, 1, 100),
  };
}

const ODD_PIECES = [
  '',
  '.',
  '..',
  '%2e%2e',
  '%00',
  '%zz',
  '%',
  '%c3%28',
  '%2F',
  '%2f..%2f',
  'CHAT',
  '-x',
  '__proto__',
  'constructor',
  ';a=b',
  '%25',
  '%F0%9F%98%80',
  '*',
  'a'.repeat(200),
  'a'.repeat(9_000),
  '99999',
  '00',
  '-1',
];

function pieceOf({ name, schema }: Parameter, hints: Hints): fc.Arbitrary<string> {
  const good = valid(schema, name, hints).map(String);
  return fc.oneof(
    { weight: 12, arbitrary: good.map((text) => (text.startsWith('«') ? text : encodeURIComponent(text))) },
    // The same name, written so that only a decoder knows it.
    {
      weight: 1,
      arbitrary: good.map((text) => (text.startsWith('«') ? text : text.replace(/./, (one) => `%${one.charCodeAt(0).toString(16)}`))),
    },
    { weight: 2, arbitrary: fc.constantFrom(...ODD_PIECES) },
    { weight: 1, arbitrary: oddText.map(encoded) },
  );
}

function queryOf(parameters: readonly Parameter[], hints: Hints): fc.Arbitrary<string> {
  const pairs = parameters.map((one) => {
    const good = valid(one.schema, one.name, hints).map(
      (value) => `${one.name}=${String(value).startsWith('«') ? String(value) : encoded(String(value))}`,
    );
    const near = nearlyValid(one.schema, one.name, hints).map((value) => `${one.name}=${encoded(String(value))}`);
    return fc.oneof({ weight: 8, arbitrary: fc.constant('') }, { weight: 6, arbitrary: good }, { weight: 1, arbitrary: near });
  });
  const junk = fc.oneof(
    fc.constantFrom(
      '__proto__=1',
      'a[]=1',
      'a[b]=c',
      '=',
      '&&&',
      '%zz',
      '?',
      'wait=11m',
      'wait=',
      'x=1;y=2',
      '#f',
      'constructor[prototype]=1',
    ),
    oddText.map(encoded),
  );
  return fc
    .tuple(fc.tuple(...pairs), often('', junk))
    .map(([some, more]) => [...some, more].filter((pair) => pair !== ''))
    .map((all) => (all.length === 0 ? '' : `?${all.join('&')}`));
}

/** Half of a pair cannot be encoded. */
function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
