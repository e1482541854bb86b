/** Routes that go on: events as SSE, log lines as NDJSON or text. */
import { z } from 'zod';
import { hint } from '../config/nearest.ts';
import { PooldError } from '../errors.ts';
import type { Event } from '../events/event.ts';
import { EVENT_TYPES } from '../events/event.ts';
import { eventFilter, followEvents } from '../events/stream.ts';
import type { Host } from '../pool/host.ts';
import type { EngineStatus } from '../pool/status.ts';
import { LIMITS } from './limits.ts';
import { logStream } from './log-stream.ts';
import type { EventFeed } from './ports.ts';
import { count, flag, NONE, POOL, poolFilter, replicaFilter, since } from './requests.ts';
import type { Route } from './route.ts';
import { route } from './route.ts';
import { instant } from './routes-pools.ts';

const CURSOR = /^\d{1,15}:\d{1,15}$/;

export const STREAM_ROUTES: readonly Route[] = [
  route({
    id: 'followEvents',
    method: 'GET',
    path: '/v1/events',
    access: 'read',
    streams: true,
    says:
      'Events in commit order. `Last-Event-ID` or `since` goes on behind a cursor; a cursor of an older epoch is answered with `reset` and a snapshot of the pools. ' +
      'Without either: from now on, or with `follow=false` all that is kept',
    headers: [{ name: 'Last-Event-ID', says: 'Cursor of the last event that was seen' }],
    params: NONE,
    query: z.strictObject({
      since: z.string().max(64).optional().describe('A cursor, a date or how long ago'),
      type: z.string().max(512).optional().describe('Types or their first words, separated by commas: `engine,breaker.opened`'),
      pool: poolFilter,
      follow: flag.describe('`false` ends behind what is kept; unset: true'),
    }),
    body: null,
    answers: [
      { status: 200, says: 'One message per event: `id` its cursor, `event` its type, `data` the event', type: 'text/event-stream' },
    ],
    handle: ({ host, clock, events }, { query, header, signal }) => {
      const after = header('last-event-id') ?? query.since ?? null;
      const follow = query.follow ?? true;
      const start = startOf(after, { events, wallMs: clock.wallMs() });
      const types = query.type === undefined ? null : typesOf(query.type);
      const wants = EVENT_TYPES.filter((type) => types?.includes(type));
      const asked = eventFilter({ types, pool: query.pool ?? null });
      const wanted = (event: Event): boolean => asked(event) && Date.parse(event.at) >= start.sinceMs;
      const pieces = followEvents({
        bus: events,
        wants,
        from: start.from,
        follow,
        wanted,
        snapshot: () => ({ pools: host.pools() }),
        signal,
      });
      return { status: 200, type: 'text/event-stream', pieces, heartbeat: ':\n\n', follows: follow };
    },
  }),
  route({
    id: 'poolLogs',
    method: 'GET',
    path: '/v1/pools/{pool}/logs',
    access: 'read',
    streams: true,
    says: 'What the engines wrote. Without `replica` all engines of the pool',
    params: POOL,
    query: z.strictObject({
      replica: replicaFilter,
      follow: flag.describe('Go on with what is written from now on'),
      tail: count({ from: 0, to: LIMITS.logTailLines }).describe('Only the last lines; unset: all that is kept'),
      previous: flag.describe('The generation before the present one'),
      generation: count({ from: 1, to: 999_999_999 }).describe('Only this generation'),
      since,
      format: z
        .enum(['ndjson', 'text'])
        .optional()
        .describe('`text`: plain lines with escapes made harmless; also chosen by `Accept: text/plain`'),
    }),
    body: null,
    answers: [{ status: 200, says: 'One JSON object per line (LogRecord), or plain text', type: 'application/x-ndjson' }],
    refusals: ['pool_not_found', 'engine_not_found'],
    handle: ({ host, clock }, { params, query, header, signal }) => {
      const text = query.format === 'text' || (query.format === undefined && (header('accept') ?? '').startsWith('text/plain'));
      const previous = query.previous ?? false;
      if (previous && query.generation !== undefined)
        throw new PooldError('invalid_request', 'cannot show logs: give either previous or generation, not both');
      const engines = chosenEngines(host, params.pool, query.replica ?? null);
      const sources = engines.map((engine) => ({
        engine: engine.id,
        lines: host.logs(
          params.pool,
          replicaOf(engine),
          {
            tail: query.tail ?? null,
            sinceMs: query.since === undefined ? null : instant(query.since, clock.wallMs()),
            generation: previous ? generationBefore(engine) : (query.generation ?? null),
            follow: query.follow ?? false,
          },
          signal,
        ),
      }));
      const follows = query.follow ?? false;
      return {
        status: 200,
        type: text ? 'text/plain; charset=utf-8' : 'application/x-ndjson',
        pieces: logStream(sources, { text, follows }),
        heartbeat: null,
        follows,
      };
    },
  }),
];

/** Behind a cursor, or behind the last event before a time. */
function startOf(
  after: string | null,
  { events, wallMs }: { readonly events: EventFeed; readonly wallMs: number },
): { readonly from: string | null; readonly sinceMs: number } {
  if (after === null || CURSOR.test(after)) return { from: after, sinceMs: Number.NEGATIVE_INFINITY };
  const sinceMs = instant(after, wallMs);
  const kept = events.since(null);
  const [oldest] = kept.events;
  const before = kept.events.findLast((event) => Date.parse(event.at) < sinceMs)?.cursor;
  return { from: before ?? (oldest === undefined ? kept.cursor : cursorBefore(oldest)), sinceMs };
}

function cursorBefore({ cursor }: Event): string {
  const [epoch, sequence] = cursor.split(':');
  return `${epoch}:${Number(sequence) - 1}`;
}

/** Full names as they are, first words as all that begin with them. */
function typesOf(list: string): readonly string[] {
  const words = new Set(EVENT_TYPES.map((type) => type.slice(0, type.indexOf('.'))));
  return list.split(',').map((given) => {
    const name = given.trim().replace(/\.?\*$/, '');
    if (words.has(name)) return `${name}.*`;
    if (EVENT_TYPES.some((type) => type === name)) return name;
    throw new PooldError(
      'invalid_request',
      `cannot filter events: no type ${JSON.stringify(name.slice(0, 64))}, ${hint(name, [...EVENT_TYPES, ...words])}`,
    );
  });
}

function chosenEngines(host: Host, name: string, replica: number | null): readonly EngineStatus[] {
  const { engines } = host.pool(name);
  // Of an engine that somebody else has started the logs are somebody else's too.
  if (replica === null) return engines.filter(({ state }) => state !== 'external');
  const engine = engines.find((one) => replicaOf(one) === replica);
  if (engine === undefined)
    throw new PooldError('engine_not_found', `cannot show logs: ${name} has no engine ${replica}; poolctl status ${name} lists them`, {
      pool: name,
    });
  return [engine];
}

function replicaOf(engine: EngineStatus): number {
  return Number(engine.id.slice(engine.id.lastIndexOf('/') + 1));
}

function generationBefore(engine: EngineStatus): number {
  if (engine.generation >= 2) return engine.generation - 1;
  throw new PooldError(
    'engine_not_found',
    `cannot show the generation before the present one: ${engine.id} has been started ${engine.generation === 1 ? 'once' : 'never'}`,
  );
}
