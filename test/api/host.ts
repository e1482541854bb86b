/** A daemon of plain data: no process behind it, but every promise of the Host that the API leans on is kept. */

import type { EventFeed } from '../../src/api/ports.ts';
import { systemClock } from '../../src/clock.ts';
import { PooldError } from '../../src/errors.ts';
import type { Replay } from '../../src/events/bus.ts';
import { createBus } from '../../src/events/bus.ts';
import type { Event, EventType, Happening } from '../../src/events/event.ts';
import type { Actor, HistoryEntry, Host, LogLine, LogQuery, PoolCommand, ReloadCommand, ReloadPlan } from '../../src/pool/host.ts';
import type { EngineStatus, Explanation, Operation, PoolStatus } from '../../src/pool/status.ts';
import { DataLeases } from './leases.ts';
import { Pipe } from './pipe.ts';

const LONG_AGO = '2026-11-03T08:00:00.000Z';

export function engine(id: string, changes: Partial<EngineStatus> = {}): EngineStatus {
  return {
    id,
    generation: 2,
    role: 'serving',
    state: 'ready',
    reason: null,
    message: null,
    live: true,
    ready: true,
    pid: 4242,
    url: 'http://127.0.0.1:20000',
    version: 'v1',
    device: null,
    activeLeases: 0,
    inUse: null,
    failures: 0,
    breaker: 'closed',
    startedAt: LONG_AGO,
    readyAt: LONG_AGO,
    nextStartAt: null,
    lastExit: null,
    outdated: false,
    ...changes,
  };
}

export function pool(name: string, changes: Partial<PoolStatus> = {}): PoolStatus {
  const engines = changes.engines ?? [engine(`${name}/0`), engine(`${name}/1`, { pid: 4243, url: 'http://127.0.0.1:20001' })];
  return {
    pool: name,
    state: 'running',
    reason: null,
    message: null,
    live: true,
    ready: true,
    draining: false,
    orphaned: false,
    activeLeases: 0,
    slotsTotal: engines.length,
    slotsFree: engines.length,
    queueDepth: 0,
    oldestLeaseMs: null,
    oldestWaitMs: null,
    replicas: engines.length,
    wanted: engines.length,
    engineVersion: 'v1',
    devices: null,
    restartCount: 0,
    crashCount: 0,
    breaker: { state: 'closed', failures: 0, openUntil: null, classes: {} },
    overrides: [],
    containment: 'cgroup',
    lastError: null,
    engines,
    ...changes,
  };
}

export function crash(name: string, changes: Partial<HistoryEntry> = {}): HistoryEntry {
  return {
    pool: name,
    engine: `${name}/0`,
    generation: 1,
    startedAt: LONG_AGO,
    version: 'v1',
    failure: true,
    matchedLine: null,
    lastLines: ['loading', 'out of memory'],
    onExit: null,
    class: 'error',
    code: 1,
    signal: null,
    at: '2026-11-03T08:05:00.000Z',
    uptimeMs: 300_000,
    readyMs: 290_000,
    message: 'exited with code 1',
    ...changes,
  };
}

export interface Acted {
  readonly pool: string;
  readonly command: PoolCommand;
  readonly actor: Actor;
}

export class DataHost implements Host {
  readonly version = '9.9.9';
  readonly poolsByName = new Map<string, PoolStatus>();
  readonly acted: Acted[] = [];
  readonly shutdowns: { readonly engines: 'stop' | 'keep'; readonly actor: Actor }[] = [];
  readonly logQueries: { readonly pool: string; readonly replica: number; readonly query: LogQuery }[] = [];
  readonly historyQueries: unknown[] = [];
  readonly feed = new DataFeed();
  readonly leases = new DataLeases((name) => this.pool(name));
  readonly planned: ReloadCommand[] = [];
  logLines: readonly LogLine[] = [];
  /** Lines that a follower gets one by one, as the test writes them. */
  readonly written = new Pipe<LogLine>();
  entries: readonly HistoryEntry[] = [];
  explanations: readonly Explanation[] = [];
  missing: string | null = null;
  /** Throws instead of answering `pools()`. */
  fault: Error | null = null;
  refusal: PooldError | null = null;
  readonly #operations = new Map<string, Operation>();
  readonly #ended = new Map<string, () => void>();

  pool(name: string): PoolStatus {
    const found = this.poolsByName.get(name);
    if (found === undefined)
      throw new PooldError('pool_not_found', `cannot find the pool ${name}; poolctl status lists them`, { pool: name });
    return found;
  }

  pools(): readonly PoolStatus[] {
    if (this.fault !== null) throw this.fault;
    return [...this.poolsByName.values()];
  }

  async act(name: string, command: PoolCommand, actor: Actor): Promise<Operation> {
    const { engines } = this.pool(name);
    if (this.refusal !== null) throw this.refusal;
    if ('replica' in command && command.replica !== null && engines[command.replica] === undefined) {
      throw new PooldError('engine_not_found', `cannot find the engine ${name}/${command.replica}`, { pool: name });
    }
    this.acted.push({ pool: name, command, actor });
    const operation: Operation = {
      id: `op-${this.acted.length}`,
      kind: command.do,
      pool: name,
      state: 'running',
      outcome: null,
      steps: [{ at: LONG_AGO, text: `${command.do} begun` }],
      progress: { leasesLeft: 0, deadlineAt: null, candidate: null },
      error: null,
      by: actor.by,
      reason: actor.reason,
      startedAt: LONG_AGO,
      endedAt: null,
    };
    this.#operations.set(operation.id, operation);
    return operation;
  }

  async planReload(name: string, command: ReloadCommand): Promise<ReloadPlan> {
    const { pool, engines } = this.pool(name);
    this.planned.push(command);
    return {
      pool,
      strategy: 'rolling',
      would: 'reload',
      changes: ['engine.version: v1 -> v2'],
      maxSurge: 0,
      maxUnavailable: 1,
      notes: [],
      engines: engines.map(({ id }) => id),
      leases: [],
      atMostMs: 60_000,
    };
  }

  /** What the real daemon does when the work is done. */
  end(id: string, changes: Partial<Operation>): void {
    const ended: Operation = { ...this.operation(id), state: 'succeeded', endedAt: '2026-11-03T08:00:05.000Z', ...changes };
    this.#operations.set(id, ended);
    this.#ended.get(id)?.();
  }

  operations(name: string | null): readonly Operation[] {
    return [...this.#operations.values()].filter((one) => name === null || one.pool === name).reverse();
  }

  operation(id: string): Operation {
    const found = this.#operations.get(id);
    if (found === undefined) throw new PooldError('operation_not_found', `cannot find the operation ${id}`);
    return found;
  }

  async operationEnded(id: string, waitMs: number): Promise<Operation> {
    if (this.operation(id).endedAt === null) {
      await new Promise<void>((resolve) => {
        const timer = systemClock.after(waitMs, resolve);
        this.#ended.set(id, () => {
          timer.cancel();
          resolve();
        });
      });
    }
    return this.operation(id);
  }

  cancel(id: string, _actor: Actor): Operation {
    if (this.operation(id).endedAt !== null) throw new PooldError('conflict', `cannot cancel ${id}: it is over`, { retriable: false });
    this.end(id, { state: 'cancelled', outcome: 'cancelled' });
    return this.operation(id);
  }

  explain(name: string, _replica: number | null): readonly Explanation[] {
    this.pool(name);
    return this.explanations;
  }

  history(
    name: string,
    query: { readonly replica: number | null; readonly sinceMs: number | null; readonly limit: number },
  ): readonly HistoryEntry[] {
    this.pool(name);
    this.historyQueries.push(query);
    return this.entries.slice(0, query.limit);
  }

  async *logs(name: string, replica: number, query: LogQuery, signal: AbortSignal): AsyncGenerator<LogLine> {
    this.logQueries.push({ pool: name, replica, query });
    yield* query.tail === null ? this.logLines : this.logLines.slice(Math.max(0, this.logLines.length - query.tail));
    if (query.follow) yield* this.written.read(signal);
  }

  notReady(_pools: readonly string[]): string | null {
    return this.missing;
  }

  shutdown(engines: 'stop' | 'keep', actor: Actor): void {
    this.shutdowns.push({ engines, actor });
  }
}

/** The real bus, with a wall clock that says what the test wants. */
export class DataFeed implements EventFeed {
  #wallMs = 0;
  #listeners = 0;
  readonly #bus = createBus({ epoch: 3, clock: { ...systemClock, wallMs: () => this.#wallMs } });
  get listeners(): number {
    return this.#listeners;
  }

  happen(happening: Happening, at = LONG_AGO): Event {
    this.#wallMs = Date.parse(at);
    const event = this.#bus.publish(happening);
    if (event === null) throw new Error(`${happening.type} is off by default`);
    return event;
  }

  want(type: EventType): () => void {
    return this.#bus.want(type);
  }

  since(cursor: string | null): Replay {
    return this.#bus.since(cursor);
  }

  subscribe(heard: (event: Event) => void): () => void {
    const end = this.#bus.subscribe(heard);
    this.#listeners += 1;
    return () => {
      this.#listeners -= 1;
      end();
    };
  }
}
