/** What people ask of pools, and what has become of it: commands, and the operations by which they are followed. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Stamp } from '../engine/engine-state.ts';
import { PooldError } from '../errors.ts';
import type { Event } from '../events/event.ts';
import { basesOf, reloadedSpec } from '../rollout/plan-state.ts';
import { plannedReload } from '../rollout/planned-reload.ts';
import type { Store } from '../store/store.ts';
import type { Actor, PoolCommand, ReloadCommand, ReloadPlan } from './host.ts';
import { operationShown } from './operation-state.ts';
import type { Pool } from './pool.ts';
import type { ReloadTarget } from './pool-events.ts';
import type { PoolIndex } from './pool-index.ts';
import type { PoolState } from './pool-state.ts';
import { refusal } from './refusal-state.ts';
import { specIdIn } from './restore.ts';
import type { Room } from './room.ts';
import type { Operation, OperationKind } from './status.ts';

/** What takes its time, and can be taken back meanwhile. */
const CANCELLABLE: ReadonlySet<OperationKind> = new Set(['restart', 'reload', 'drain']);

export interface OperationsParts {
  readonly clock: Clock;
  readonly store: Store;
  readonly room: Room;
  /** Calls `told` with each event from now on until the answer is called. */
  readonly subscribe: (told: (event: Event) => void) => () => void;
}

/** Each throws PooldError as `Host` says. */
export class Operations {
  readonly #pools: PoolIndex;
  readonly #parts: OperationsParts;

  constructor(pools: PoolIndex, parts: OperationsParts) {
    this.#pools = pools;
    this.#parts = parts;
  }

  async begin(name: string, command: PoolCommand, actor: Actor): Promise<Operation> {
    const pool = this.#pools.of(name);
    this.#refuse(pool, command);
    const operationId = `op-${randomBytes(6).toString('hex')}`;
    const stamp = this.#stamp(actor);
    if (command.do === 'reload') {
      const targets = await this.#targets(pool, command, stamp);
      // The look at the executable took a moment: whatever happened in it counts.
      this.#refuse(pool, command);
      pool.post({ type: 'command', command, operationId, stamp, targets });
    } else pool.post({ type: 'command', command, operationId, stamp });
    return this.one(operationId);
  }

  async planReload(name: string, command: ReloadCommand): Promise<ReloadPlan> {
    const pool = this.#pools.of(name);
    this.#refuse(pool, command);
    const [target] = await this.#targets(pool, command, { by: '', atMs: 0, reason: null });
    return plannedReload(pool.state, command, { target, nowMs: this.#parts.clock.nowMs() });
  }

  all(name: string | null): Operation[] {
    const pools = name === null ? this.#pools.all : [this.#pools.of(name)];
    const ended = [...pools.flatMap(({ unstored }) => unstored.operations()), ...this.#parts.store.operations(name)];
    return [...pools.flatMap(({ state }) => this.#activeOf(state)), ...ended];
  }

  one(id: string): Operation {
    for (const { state, unstored } of this.#pools.all) {
      const known = [...this.#activeOf(state), ...unstored.operations()].find((operation) => operation.id === id);
      if (known !== undefined) return known;
    }
    const ended = this.#parts.store.operation(id);
    if (ended === null)
      throw new PooldError('operation_not_found', `cannot find the operation ${id}: it does not exist, or is too old to be kept`);
    return ended;
  }

  async ended(id: string, waitMs: number): Promise<Operation> {
    const { clock, subscribe } = this.#parts;
    if (this.one(id).endedAt !== null || waitMs <= 0) return this.one(id);
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
    return this.one(id);
  }

  cancel(id: string, actor: Actor): Operation {
    const { kind, pool, endedAt } = this.one(id);
    // Neither changes with time, as other conflicts do.
    const never = { pool, retriable: false };
    if (endedAt !== null) throw new PooldError('conflict', `cannot cancel ${id}: it is over`, never);
    if (!CANCELLABLE.has(kind))
      throw new PooldError('conflict', `cannot cancel ${id}: a ${kind} is done when it is asked; ask for the contrary`, never);
    const { rollout } = this.#pools.of(pool).state;
    if (rollout?.step === 'committed' && rollout.operationId === id)
      throw new PooldError(
        'conflict',
        `cannot cancel ${id}: the new engines serve already, only old ones that are in use are waited for`,
        never,
      );
    this.#pools.of(pool).post({ type: 'cancel', operationId: id, stamp: this.#stamp(actor) });
    return this.one(id);
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

  #stamp(actor: Actor): Stamp {
    return { by: actor.claimed ? `${actor.by} (claimed)` : actor.by, atMs: this.#parts.clock.wallMs(), reason: actor.reason };
  }
}
