/** The logs of all replicas: opened when first needed, looked after by one sweep. */
import { mkdirSync } from 'node:fs';
import type { Clock } from '../clock.ts';
import type { PoolSpec } from '../config/spec.ts';
import type { LogLine, LogQuery } from '../pool/host.ts';
import type { Warn } from './complaints.ts';
import { freezeTree } from './freeze.ts';
import type { Identity, Side } from './identity.ts';
import { sideStem } from './identity.ts';
import type { EngineLog } from './logs/log-file.ts';
import { openLog } from './logs/log-file.ts';
import { LogSweep } from './logs/log-sweep.ts';
import { readLog } from './logs/read-log.ts';
import type { Tree } from './tree.ts';

const SIDES = ['a', 'b'] as const satisfies readonly Side[];

/** One of a replica's two logs. */
export interface Place {
  readonly pool: string;
  readonly replica: number;
  readonly side: Side;
}

export interface EngineLogsOptions {
  readonly clock: Clock;
  readonly logDir: string;
  readonly tree: Tree;
  readonly living: (place: Place) => Identity | null;
  readonly warn: Warn;
  readonly dropped: (pool: string, replica: number, bytes: number) => void;
}

export class EngineLogs {
  readonly #options: EngineLogsOptions;
  readonly #sweep: LogSweep;
  readonly #logs = new Map<string, Promise<EngineLog>>();
  readonly #opened = new Map<EngineLog, { readonly pool: string; readonly replica: number }>();

  constructor(options: EngineLogsOptions) {
    this.#options = options;
    mkdirSync(options.logDir, { recursive: true, mode: 0o750 });
    this.#sweep = new LogSweep({
      dir: options.logDir,
      clock: options.clock,
      failed: (error) => options.warn({ err: error }, `cannot look after the engines' logs: ${error.message}`),
    });
  }

  /** The log of the replica's side, under the limits of that spec. Rejects when it cannot be opened; the next call tries again. */
  async of(spec: PoolSpec, { replica, side }: { readonly replica: number; readonly side: Side }): Promise<EngineLog> {
    const id = sideStem({ pool: spec.name, replica, side });
    const known = this.#logs.get(id);
    if (known !== undefined) {
      const log = await known;
      log.setLimits(spec.logs);
      return log;
    }
    const opening = this.#open(spec, { pool: spec.name, replica, side });
    this.#logs.set(id, opening);
    opening.catch(() => this.#logs.delete(id));
    return opening;
  }

  /** The highest that either side's log tells of. */
  async lastGeneration(spec: PoolSpec, replica: number): Promise<number> {
    const logs = await Promise.all(SIDES.map((side) => this.of(spec, { replica, side })));
    return Math.max(...logs.map((log) => log.lastGeneration));
  }

  /** A generation that ran beside another has its words in the other side's log. */
  async *read(
    spec: PoolSpec,
    { replica, side }: { readonly replica: number; readonly side: Side },
    query: LogQuery,
    signal: AbortSignal,
  ): AsyncIterable<LogLine> {
    const own = await this.of(spec, { replica, side });
    const elsewhere = query.generation !== null && !own.knows(query.generation);
    const log = elsewhere ? await this.of(spec, { replica, side: side === 'a' ? 'b' : 'a' }) : own;
    yield* readLog(log, query, signal);
  }

  /** Of the logs that are open. */
  written(): { readonly pool: string; readonly replica: number; readonly bytes: number }[] {
    return [...this.#opened].map(([log, { pool, replica }]) => ({ pool, replica, bytes: log.end }));
  }

  async close(): Promise<void> {
    await this.#sweep.stop();
    for (const opening of this.#logs.values()) await (await opening.catch(() => null))?.close();
  }

  async #open(spec: PoolSpec, place: Place): Promise<EngineLog> {
    const { clock, logDir, dropped, tree, living } = this.#options;
    const { pool, replica, side } = place;
    const log = await openLog({
      dir: logDir,
      pool,
      replica,
      side,
      limits: spec.logs,
      clock,
      freeze: async () => {
        const identity = living(place);
        return identity === null ? async () => {} : freezeTree({ clock, tree }, identity);
      },
      emitDropped: (bytes) => dropped(pool, replica, bytes),
    });
    this.#sweep.add(log);
    this.#opened.set(log, { pool, replica });
    return log;
  }
}
