/** All pools of the host, as the API sees them. Owns the pools, knows no rule of theirs. */
import type { Clock, Timer } from '../clock.ts';
import type { PoolSpec } from '../config/spec.ts';
import { isLive, livePhase } from '../engine/engine-state.ts';
import { PooldError } from '../errors.ts';
import type { Event } from '../events/event.ts';
import type { Leases } from '../lease/leases.ts';
import type { Store } from '../store/store.ts';
import { gatesAt } from './gates-state.ts';
import type { Actor, HistoryEntry, Host, LogLine, LogQuery, PoolCommand, ReloadCommand, ReloadPlan } from './host.ts';
import { Operations } from './operations.ts';
import type { Pool } from './pool.ts';
import { PoolIndex } from './pool-index.ts';
import type { PoolState } from './pool-state.ts';
import type { Seen } from './pool-view.ts';
import { poolStatus } from './pool-view.ts';
import { explanations } from './reason-view.ts';
import { replicasText } from './refusal-state.ts';
import type { Room } from './room.ts';
import type { EngineStatus, Explanation, Operation, PoolStatus } from './status.ts';
import { allEngines, currentSpec, engineIn } from './turn.ts';
import { isMember } from './wanted-state.ts';

/** How often every engine's identity is looked at although its end is also told by event. product.md, "Supervision". */
const CHECK_PERIOD_MS = 5_000;

export interface PoolsParts {
  readonly version: string;
  readonly clock: Clock;
  readonly store: Store;
  readonly room: Room;
  readonly pools: readonly Pool[];
  readonly leases: Leases;
  /** Calls `told` with each event from now on until the answer is called. */
  readonly subscribe: (told: (event: Event) => void) => () => void;
  /** Engines of somebody else that are shown with a pool. */
  readonly external: (pool: string) => readonly EngineStatus[];
  /** Ends the process when everything is done. */
  readonly exit: (engines: 'stop' | 'keep', actor: Actor) => void;
}

export class Pools implements Host {
  readonly version: string;
  readonly leases: Leases;
  readonly #parts: PoolsParts;
  readonly #pools: PoolIndex;
  readonly #operations: Operations;
  #listening = false;
  #check: Timer | null = null;

  constructor(parts: PoolsParts) {
    this.version = parts.version;
    this.leases = parts.leases;
    this.#parts = parts;
    this.#pools = new PoolIndex(parts.pools);
    this.#operations = new Operations(this.#pools, parts);
    this.#checkSoon();
  }

  /** Everything is adopted and the listeners are open. */
  listening(): void {
    this.#listening = true;
  }

  /** Right before the first is answered: from now on leases can be renewed, and so they can expire. */
  opening(): void {
    for (const pool of this.#pools.all) pool.post({ type: 'opened' });
  }

  pool(name: string): PoolStatus {
    return poolStatus(this.#pools.of(name).state, this.#seen(name));
  }

  pools(): PoolStatus[] {
    return this.#pools.all
      .map(({ state }) => state.name)
      .toSorted()
      .map((name) => this.pool(name));
  }

  /** What the next start in the pool would run by, or null when there is no pool of that name. */
  specOf(name: string): PoolSpec | null {
    const pool = this.#pools.get(name);
    return pool === undefined ? null : currentSpec(pool.state);
  }

  act(name: string, command: PoolCommand, actor: Actor): Promise<Operation> {
    return this.#operations.begin(name, command, actor);
  }

  planReload(name: string, command: ReloadCommand): Promise<ReloadPlan> {
    return this.#operations.planReload(name, command);
  }

  operations(name: string | null): Operation[] {
    return this.#operations.all(name);
  }

  operation(id: string): Operation {
    return this.#operations.one(id);
  }

  operationEnded(id: string, waitMs: number): Promise<Operation> {
    return this.#operations.ended(id, waitMs);
  }

  cancel(id: string, actor: Actor): Operation {
    return this.#operations.cancel(id, actor);
  }

  explain(name: string, replica: number | null): Explanation[] {
    const { state } = this.#pools.of(name);
    if (replica !== null) this.#known(state, replica);
    return explanations(state, replica, gatesAt(state, this.#parts.clock.nowMs()));
  }

  history(
    name: string,
    query: { readonly replica: number | null; readonly sinceMs: number | null; readonly limit: number },
  ): readonly HistoryEntry[] {
    const whole = { pool: name, ...query };
    return this.#pools.of(name).unstored.history(whole, this.#parts.store.history(whole));
  }

  logs(name: string, replica: number, query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine> {
    const { state } = this.#pools.of(name);
    this.#known(state, replica);
    const side = engineIn(state, replica)?.side ?? 'a';
    return this.#parts.room.logs({ pool: name, replica, side, spec: currentSpec(state) }, query, signal);
  }

  notReady(names: readonly string[]): string | null {
    if (!this.#listening) return 'cannot take requests yet: the daemon is still taking up its engines';
    const missing = names.map((name) => this.pool(name)).find((status) => !status.ready);
    return missing === undefined
      ? null
      : `cannot take requests: ${missing.pool} is ${missing.state}: ${missing.message ?? 'no engine is ready'}`;
  }

  shutdown(engines: 'stop' | 'keep', actor: Actor): void {
    this.#parts.exit(engines, actor);
  }

  /** Tells every pool to stop its engines; resolves when none lives, or after `waitMs` with the ids of those that are left. */
  async stopAll(waitMs: number): Promise<string[]> {
    const { clock, subscribe } = this.#parts;
    const left = (): string[] =>
      this.#pools.all.flatMap(({ state }) =>
        allEngines(state)
          .filter(isLive)
          .map((engine) => `${state.name}/${engine.replica}`),
      );
    await new Promise<void>((resolve) => {
      const timer = clock.after(waitMs, () => finish());
      const unsubscribe = subscribe(() => {
        if (left().length === 0) finish();
      });
      const finish = (): void => {
        timer.cancel();
        unsubscribe();
        resolve();
      };
      for (const pool of this.#pools.all) pool.post({ type: 'shutdown' });
      if (left().length === 0) finish();
    });
    return left();
  }

  /** From here on whatever happens is the next daemon's business. */
  close(): void {
    this.#check?.cancel();
    for (const pool of this.#pools.all) pool.close();
  }

  #known(state: PoolState, replica: number): void {
    if (state.engines.some((engine) => engine.replica === replica) || isMember(state, replica)) return;
    throw new PooldError('engine_not_found', `cannot find ${state.name}/${replica}: the pool has ${replicasText(state)}`, {
      pool: state.name,
    });
  }

  #seen(name: string): Seen {
    const { clock, room, external } = this.#parts;
    return { nowMs: clock.nowMs(), wallMs: clock.wallMs(), containment: room.containment, external: external(name) };
  }

  #checkSoon(): void {
    this.#check = this.#parts.clock.after(CHECK_PERIOD_MS, () => {
      for (const pool of this.#pools.all) this.#checkPool(pool);
      this.#checkSoon();
    });
  }

  #checkPool({ state }: Pool): void {
    for (const engine of allEngines(state)) {
      const run = livePhase(engine)?.run;
      if (run === undefined || run.identity === null || run.exit !== null) continue;
      this.#parts.room.check({ pool: state.name, replica: engine.replica, generation: engine.generation });
    }
  }
}
