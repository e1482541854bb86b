/** All pools of the host, as the API sees them. Owns the pools, knows no rule of theirs. */
import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '../clock.ts';
import type { PoolSpec } from '../config/spec.ts';
import type { Stamp } from '../engine/engine-state.ts';
import { isLive, livePhase } from '../engine/engine-state.ts';
import { PooldError } from '../errors.ts';
import type { Event, Happening } from '../events/event.ts';
import type { Leases } from '../lease/leases.ts';
import { basesOf, reloadedSpec } from '../rollout/plan-state.ts';
import { plannedReload } from '../rollout/planned-reload.ts';
import type { Store } from '../store/store.ts';
import { gatesAt } from './gates-state.ts';
import type { Actor, HistoryEntry, Host, LogLine, LogQuery, PoolCommand, ReloadCommand, ReloadPlan } from './host.ts';
import { operationShown } from './operation-state.ts';
import type { Pool } from './pool.ts';
import type { ReloadTarget } from './pool-events.ts';
import type { PoolState } from './pool-state.ts';
import type { Seen } from './pool-view.ts';
import { poolStatus } from './pool-view.ts';
import { explanations } from './reason-view.ts';
import { refusal, replicasText } from './refusal-state.ts';
import { specIdIn } from './restore.ts';
import type { Room } from './room.ts';
import type { EngineStatus, Explanation, Operation, OperationKind, PoolStatus } from './status.ts';
import { allEngines, currentSpec, engineIn } from './turn.ts';
import { isMember } from './wanted-state.ts';

/** How often every engine's identity is looked at although its end is also told by event. product.md, "Supervision". */
const CHECK_PERIOD_MS = 5_000;

/** What takes its time, and can be taken back meanwhile. */
const CANCELLABLE: ReadonlySet<OperationKind> = new Set(['restart', 'reload', 'drain']);

export interface PoolsParts {
  readonly version: string;
  readonly clock: Clock;
  readonly store: Store;
  readonly room: Room;
  readonly pools: readonly Pool[];
  readonly leases: Leases;
  /** Calls `told` with each event from now on until the answer is called. */
  readonly subscribe: (told: (event: Event) => void) => () => void;
  readonly publish: (happening: Happening) => void;
  /** Engines of somebody else that are shown with a pool. */
  readonly external: (pool: string) => readonly EngineStatus[];
  /** Ends the process when everything is done. */
  readonly exit: (engines: 'stop' | 'keep', actor: Actor) => void;
}

export class Pools implements Host {
  readonly version: string;
  readonly leases: Leases;
  readonly #parts: PoolsParts;
  readonly #pools: Map<string, Pool>;
  #listening = false;
  #check: Timer | null = null;

  constructor(parts: PoolsParts) {
    this.version = parts.version;
    this.leases = parts.leases;
    this.#parts = parts;
    this.#pools = new Map(parts.pools.map((pool) => [pool.state.name, pool]));
    this.#checkSoon();
  }

  /** Everything is adopted and the listeners are open. */
  listening(): void {
    this.#listening = true;
  }

  /** Right before the first is answered: from now on leases can be renewed, and so they can expire. */
  opening(): void {
    for (const pool of this.#pools.values()) pool.post({ type: 'opened' });
  }

  pool(name: string): PoolStatus {
    return poolStatus(this.#of(name).state, this.#seen(name));
  }

  pools(): PoolStatus[] {
    return [...this.#pools.keys()].toSorted().map((name) => this.pool(name));
  }

  /** What the next start in the pool would run by, or null when there is no pool of that name. */
  specOf(name: string): PoolSpec | null {
    const pool = this.#pools.get(name);
    return pool === undefined ? null : currentSpec(pool.state);
  }

  async act(name: string, command: PoolCommand, actor: Actor): Promise<Operation> {
    const pool = this.#of(name);
    this.#refuse(pool, command);
    const operationId = `op-${randomBytes(6).toString('hex')}`;
    const stamp = this.#stamp(actor);
    if (command.do === 'reload') {
      const targets = await this.#targets(pool, command, stamp);
      // The look at the executable took a moment: whatever happened in it counts.
      this.#refuse(pool, command);
      pool.post({ type: 'command', command, operationId, stamp, targets });
    } else pool.post({ type: 'command', command, operationId, stamp });
    return this.operation(operationId);
  }

  async planReload(name: string, command: ReloadCommand): Promise<ReloadPlan> {
    const pool = this.#of(name);
    this.#refuse(pool, command);
    const [target] = await this.#targets(pool, command, { by: '', atMs: 0, reason: null });
    return plannedReload(pool.state, command, { target, nowMs: this.#parts.clock.nowMs() });
  }

  operations(name: string | null): Operation[] {
    const pools = name === null ? [...this.#pools.values()] : [this.#of(name)];
    const ended = [...pools.flatMap(({ unstored }) => unstored.operations()), ...this.#parts.store.operations(name)];
    return [...pools.flatMap(({ state }) => this.#activeOf(state)), ...ended];
  }

  operation(id: string): Operation {
    for (const { state, unstored } of this.#pools.values()) {
      const known = [...this.#activeOf(state), ...unstored.operations()].find((operation) => operation.id === id);
      if (known !== undefined) return known;
    }
    const ended = this.#parts.store.operation(id);
    if (ended === null)
      throw new PooldError('operation_not_found', `cannot find the operation ${id}: it does not exist, or is too old to be kept`);
    return ended;
  }

  async operationEnded(id: string, waitMs: number): Promise<Operation> {
    const { clock, subscribe } = this.#parts;
    if (this.operation(id).endedAt !== null || waitMs <= 0) return this.operation(id);
    await new Promise<void>((resolve) => {
      const done = (): void => {
        timer.cancel();
        unsubscribe();
        resolve();
      };
      const timer = clock.after(waitMs, done);
      const unsubscribe = subscribe((event) => {
        if (event.type === 'operation.finished' && event.facts.operation === id) done();
      });
    });
    return this.operation(id);
  }

  cancel(id: string, actor: Actor): Operation {
    const { kind, pool, endedAt } = this.operation(id);
    // Neither changes with time, as other conflicts do.
    const never = { pool, retriable: false };
    if (endedAt !== null) throw new PooldError('conflict', `cannot cancel ${id}: it is over`, never);
    if (!CANCELLABLE.has(kind))
      throw new PooldError('conflict', `cannot cancel ${id}: a ${kind} is done when it is asked; ask for the contrary`, never);
    const { rollout } = this.#of(pool).state;
    if (rollout?.step === 'committed' && rollout.operationId === id)
      throw new PooldError(
        'conflict',
        `cannot cancel ${id}: the new engines serve already, only old ones that are in use are waited for`,
        never,
      );
    this.#of(pool).post({ type: 'cancel', operationId: id, stamp: this.#stamp(actor) });
    return this.operation(id);
  }

  explain(name: string, replica: number | null): Explanation[] {
    const { state } = this.#of(name);
    if (replica !== null) this.#known(state, replica);
    return explanations(state, replica, gatesAt(state, this.#parts.clock.nowMs()));
  }

  history(
    name: string,
    query: { readonly replica: number | null; readonly sinceMs: number | null; readonly limit: number },
  ): readonly HistoryEntry[] {
    const whole = { pool: name, ...query };
    return this.#of(name).unstored.history(whole, this.#parts.store.history(whole));
  }

  logs(name: string, replica: number, query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine> {
    const { state } = this.#of(name);
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
      [...this.#pools.values()].flatMap(({ state }) =>
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
      for (const pool of this.#pools.values()) pool.post({ type: 'shutdown' });
      if (left().length === 0) finish();
    });
    return left();
  }

  /** From here on whatever happens is the next daemon's business. */
  close(): void {
    this.#check?.cancel();
    for (const pool of this.#pools.values()) pool.close();
  }

  #of(name: string): Pool {
    const pool = this.#pools.get(name);
    if (pool !== undefined) return pool;
    const known = [...this.#pools.keys()].toSorted();
    const says = known.length === 0 ? 'there are none' : `there are ${known.slice(0, 10).join(', ')}${known.length > 10 ? ' …' : ''}`;
    throw new PooldError('pool_not_found', `cannot find the pool ${name}: ${says}`, { pool: name });
  }

  #known(state: PoolState, replica: number): void {
    if (state.engines.some((engine) => engine.replica === replica) || isMember(state, replica)) return;
    throw new PooldError('engine_not_found', `cannot find ${state.name}/${replica}: the pool has ${replicasText(state)}`, {
      pool: state.name,
    });
  }

  #refuse({ state }: Pool, command: PoolCommand): void {
    const refused = refusal(state, command, this.#parts.clock.nowMs());
    if (refused !== null) throw refused;
  }

  /** Where a reload goes from each spec that it may have to begin from, the pool's own first. */
  async #targets(pool: Pool, command: ReloadCommand, stamp: Stamp): Promise<readonly [ReloadTarget, ...ReloadTarget[]]> {
    for (;;) {
      const bases = basesOf(pool.state);
      const [first, ...others] = await Promise.all(
        bases.map((base) => this.#target(pool, reloadedSpec(base, command, stamp), base.specId)),
      );
      // Another reload has begun or ended while the executable was looked at.
      const now = basesOf(pool.state).map(({ specId }) => specId);
      if (first !== undefined && bases.every(({ specId }, at) => specId === now[at]) && bases.length === now.length)
        return [first, ...others];
    }
  }

  /** With the executable as a start would find it now. */
  async #target({ state }: Pool, { spec, sets }: ReturnType<typeof reloadedSpec>, fromSpecId: string): Promise<ReloadTarget> {
    const ref = { pool: state.name, replica: 0, generation: 0 };
    const executable = await this.#parts.room.executable({ ref, side: 'a', spec, port: null, device: null });
    return { fromSpecId, spec, specId: specIdIn(state, spec), sets, executable };
  }

  #activeOf(state: PoolState): Operation[] {
    const { clock } = this.#parts;
    return state.operations.map((operation) =>
      operationShown(state, operation, { verdict: null, nowMs: clock.nowMs(), wallMs: clock.wallMs() }),
    );
  }

  #seen(name: string): Seen {
    const { clock, room, external } = this.#parts;
    return { nowMs: clock.nowMs(), wallMs: clock.wallMs(), containment: room.containment, external: external(name) };
  }

  #stamp(actor: Actor): Stamp {
    return { by: actor.claimed ? `${actor.by} (claimed)` : actor.by, atMs: this.#parts.clock.wallMs(), reason: actor.reason };
  }

  #checkSoon(): void {
    this.#check = this.#parts.clock.after(CHECK_PERIOD_MS, () => {
      for (const pool of this.#pools.values()) this.#checkPool(pool);
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
