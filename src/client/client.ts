/** Typed calls to one daemon: what poolctl and programs of ours use. Every call throws ClientError. */
import type { LogRecord } from '../api/schemas.ts';
import type { Event } from '../events/event.ts';
import type { HistoryEntry, PoolCommand, ReloadCommand, ReloadPlan } from '../pool/host.ts';
import type { Explanation, Operation, PoolStatus } from '../pool/status.ts';
import { LeaseClient } from './lease-client.ts';
import type { StreamedEvent } from './streams.ts';
import { eventsIn, recordsIn } from './streams.ts';
import type { TransportOptions } from './transport.ts';
import { Transport } from './transport.ts';

export interface HistoryQuestion {
  readonly replica: number | null;
  /** A date or how long ago, as the API takes it. */
  readonly since?: string | undefined;
  readonly limit?: number | undefined;
}

export interface LogQuestion {
  readonly replica: number | null;
  readonly follow?: boolean;
  readonly tail?: number | undefined;
  readonly previous?: boolean;
  readonly generation?: number | undefined;
  readonly since?: string | undefined;
}

export interface EventQuestion {
  readonly follow: boolean;
  /** A cursor, a date or how long ago. */
  readonly since?: string | undefined;
  readonly type?: string | undefined;
  readonly pool?: string | undefined;
}

/** Which role asks is for the daemon to find out. */
export type ReloadOrder = Omit<ReloadCommand, 'admin'>;
export type PoolOrder = Exclude<PoolCommand, ReloadCommand> | ReloadOrder;

export class Client {
  readonly leases: LeaseClient;
  readonly #transport: Transport;

  constructor(options: TransportOptions) {
    this.#transport = new Transport(options);
    this.leases = new LeaseClient(this.#transport);
  }

  health(): Promise<{ readonly status: 'ok'; readonly version: string }> {
    return this.#transport.json({ method: 'GET', path: '/health' });
  }

  pools(): Promise<readonly PoolStatus[]> {
    return this.#transport.items({ method: 'GET', path: '/v1/pools' });
  }

  pool(name: string, signal?: AbortSignal): Promise<PoolStatus> {
    return this.#transport.json({ method: 'GET', path: poolPath(name), signal });
  }

  /** Begins it; the answer is the operation as it stands then. */
  act(pool: string, order: PoolOrder, reason: string | null): Promise<Operation> {
    const { path, body } = requestFor(pool, order);
    return this.#transport.json({ method: 'POST', path, body: reason === null ? body : { ...body, reason } });
  }

  /** What the reload would do; changes nothing. */
  planReload(pool: string, order: ReloadOrder): Promise<ReloadPlan> {
    const { path, body } = requestFor(pool, order);
    return this.#transport.json({ method: 'POST', path, body: { ...body, dryRun: true }, repeatable: true });
  }

  operations(pool: string | null): Promise<readonly Operation[]> {
    return this.#transport.items({ method: 'GET', path: '/v1/operations', query: { pool } });
  }

  /** As it stands; with `waitMs` (at most ten minutes) once it has ended or the time is over. */
  operation(id: string, waitMs?: number): Promise<Operation> {
    const path = `/v1/operations/${encodeURIComponent(id)}`;
    if (waitMs === undefined) return this.#transport.json({ method: 'GET', path });
    return this.#transport.json({ method: 'GET', path, query: { wait: `${Math.round(waitMs)}ms` }, waitMs });
  }

  cancel(id: string, reason: string | null): Promise<Operation> {
    return this.#transport.json({ method: 'DELETE', path: `/v1/operations/${encodeURIComponent(id)}`, query: { reason } });
  }

  explain(pool: string, replica: number | null): Promise<readonly Explanation[]> {
    return this.#transport.items({ method: 'GET', path: `${poolPath(pool)}/explain`, query: { replica } });
  }

  history(pool: string, { replica, since, limit }: HistoryQuestion): Promise<readonly HistoryEntry[]> {
    return this.#transport.items({ method: 'GET', path: `${poolPath(pool)}/history`, query: { replica, since, limit } });
  }

  /** Ends by itself unless followed; aborting ends it quietly. */
  logs(pool: string, { replica, follow, tail, previous, generation, since }: LogQuestion, signal?: AbortSignal): AsyncIterable<LogRecord> {
    const query = { replica, follow: follow || null, tail, previous: previous || null, generation, since };
    return recordsIn<LogRecord>(this.#transport.pieces({ method: 'GET', path: `${poolPath(pool)}/logs`, query, signal }));
  }

  /** `reset` comes first where the cursor asked for is no longer known, `lagged` last where it went too fast. Aborting ends it quietly. */
  events({ follow, since, type, pool }: EventQuestion, signal?: AbortSignal): AsyncIterable<StreamedEvent<Event>> {
    const headers = { accept: 'text/event-stream' };
    return eventsIn(this.#transport.pieces({ method: 'GET', path: '/v1/events', query: { follow, since, type, pool }, headers, signal }));
  }

  async shutdown(engines: 'stop' | 'keep', reason: string | null): Promise<void> {
    await this.#transport.json({ method: 'POST', path: '/v1/shutdown', body: { engines, ...(reason === null ? {} : { reason }) } });
  }

  close(): Promise<void> {
    return this.#transport.close();
  }
}

function poolPath(pool: string): string {
  return `/v1/pools/${encodeURIComponent(pool)}`;
}

function requestFor(pool: string, command: PoolOrder): { readonly path: string; readonly body: Readonly<Record<string, unknown>> } {
  const replica = 'replica' in command ? command.replica : null;
  const path = `${poolPath(pool)}${replica === null ? '' : `/engines/${replica}`}/${command.do}`;
  switch (command.do) {
    case 'start':
    case 'retry':
    case 'pause':
    case 'resume':
      return { path, body: {} };
    case 'stop':
    case 'restart':
      return { path, body: { now: command.now } };
    case 'drain':
      return { path, body: { extend: command.extend, ...(command.deadlineMs === null ? {} : { deadlineMs: command.deadlineMs }) } };
    case 'reload':
      return { path, body: reloadBody(command) };
    case 'scale':
      return { path, body: { replicas: command.replicas } };
    case 'reset':
      return { path, body: { forget: command.forget, ...(command.class === null ? {} : { class: command.class }) } };
    case 'signal':
      return { path, body: { signal: command.signal } };
    default:
      return command satisfies never;
  }
}

/** What is null is left to the daemon. */
function reloadBody({ version, vars, strategy, deadlineMs, cutLeases, same }: ReloadOrder): Readonly<Record<string, unknown>> {
  return {
    vars,
    cutLeases,
    same,
    ...(version === null ? {} : { version }),
    ...(strategy === null ? {} : { strategy }),
    ...(deadlineMs === null ? {} : { deadlineMs }),
  };
}
