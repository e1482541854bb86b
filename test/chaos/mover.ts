/**
 * Whoever works at the engines of a pool: restarts, scales, drains, stops, crashes and reloads them, whatever happens to the daemon meanwhile,
 * and waits each time until they are as they should be. In between nothing may become of them.
 */
import type { PoolOrder } from '../../src/client/client.ts';
import { pause, systemClock } from '../../src/clock.ts';
import type { PoolStatus } from '../../src/pool/status.ts';
import type { Rig } from '../machine/rig.ts';
import { killIfThere } from '../machine/rig.ts';
import type { Stream } from '../sim/dice.ts';
import { between, chance, pick, whole } from '../sim/dice.ts';
import { refusalIn } from './answers.ts';
import { toldViolations } from './engines.ts';
import type { Move, Violation } from './history.ts';

/** Over the deaths of many daemons. */
const COMES_BACK_MS = 60_000;
const LOOK_MS = 30;
const LONGEST_CALM_MS = 400;
const SHORTEST_DRAIN_MS = 100;
/** What may not be done just now, as somebody else's word is acted on; any other refusal has no cause here. */
const REFUSALS = new Set(['conflict', 'pool_draining', 'pool_stopped']);
const ALL = { replica: null } as const;
const RESTART = { do: 'restart', ...ALL, now: true } as const;
const RELOAD = { do: 'reload', version: null, vars: {}, strategy: null, cutLeases: true, same: true } as const;

export interface MoverParts {
  readonly rig: Rig;
  readonly pool: string;
  readonly replicas: number;
  readonly draw: Stream;
  /** How often each thing was done. */
  readonly done: Map<string, number>;
  readonly moves: (move: Move) => void;
  readonly broken: (violations: readonly Violation[]) => void;
  /** Resolves while a daemon is there to be asked. */
  readonly open: () => Promise<void>;
  /** No daemon comes any more. */
  readonly abandoned: () => boolean;
}

interface Thing {
  readonly name: string;
  readonly act: (calm: PoolStatus) => Promise<void>;
}

export class Mover {
  readonly #parts: MoverParts;
  #crashes = 0;
  /** Killed last: as long as it is shown nobody has noticed. */
  #killed: number | null = null;

  constructor(parts: MoverParts) {
    this.#parts = parts;
  }

  /** Until it is told to stop; its engines are as they should be then. */
  async run(over: () => boolean): Promise<void> {
    const { draw, pool, done } = this.#parts;
    let calm = await this.#calm();
    while (!over() && calm !== null) {
      await pause(systemClock, between(draw, 0, LONGEST_CALM_MS));
      const now = await this.#answered(() => this.#parts.rig.pool(pool));
      if (now !== null) this.#parts.broken(toldViolations([calm], [now]));
      const says = this.#drawn();
      const move: Move = { pool, says: says.name, beginMs: systemClock.nowMs(), endMs: Number.POSITIVE_INFINITY };
      this.#parts.moves(move);
      done.set(says.name, (done.get(says.name) ?? 0) + 1);
      await says.act(calm);
      calm = await this.#calm();
      move.endMs = systemClock.nowMs();
    }
  }

  #drawn(): Thing {
    const { draw, replicas } = this.#parts;
    const replica = whole(draw, 0, replicas - 1);
    const deadlineMs = whole(draw, SHORTEST_DRAIN_MS, 4 * SHORTEST_DRAIN_MS);
    const orders = (name: string, ...order: PoolOrder[]) => ({ name, act: () => this.#order(order) });
    const things: readonly [Thing, ...Thing[]] = [
      orders('restart --now', RESTART),
      orders('restart of one --now', { ...RESTART, replica }),
      orders('restart', { ...RESTART, now: false }),
      orders('reload', { ...RELOAD, deadlineMs }),
      orders('scale', { do: 'scale', replicas: whole(draw, 0, replicas - 1) }),
      orders('drain', { do: 'drain', ...ALL, deadlineMs, extend: false }),
      orders('drain of one', { do: 'drain', replica, deadlineMs, extend: false }),
      orders('stop --now', { do: 'stop', ...ALL, now: true }),
      orders('stop', { do: 'stop', ...ALL, now: false }),
      orders('pause', { do: 'pause', ...ALL }),
      orders('signal', { do: 'signal', replica, signal: 'SIGWINCH' }),
      orders('start called off', { do: 'stop', ...ALL, now: true }, { do: 'start', ...ALL }, { do: 'stop', ...ALL, now: true }),
      { name: 'crash', act: (calm) => this.#crash(calm, replica) },
    ];
    return pick(draw, things);
  }

  /** Some are waited for, others meet what is done to bring the engines back. */
  async #order(orders: readonly PoolOrder[]): Promise<void> {
    const { rig, pool, draw } = this.#parts;
    for (const order of orders) {
      const operation = await this.#answered(() => rig.client.act(pool, order, 'chaos'));
      if (operation !== null && chance(draw, 0.6)) await this.#answered(() => rig.client.operation(operation.id, 2_000));
    }
  }

  async #crash({ engines }: PoolStatus, replica: number): Promise<void> {
    const pid = engines[replica]?.pid ?? null;
    if (pid === null) return;
    this.#crashes += 1;
    this.#killed = pid;
    killIfThere(pid);
  }

  /** All are wanted, all are ready, nothing is under way any more. Null, and a broken promise, where that does not come about. */
  async #calm(): Promise<PoolStatus | null> {
    const { pool, replicas, broken, abandoned } = this.#parts;
    const lastMs = systemClock.nowMs() + COMES_BACK_MS;
    let last = '';
    while (!abandoned() && systemClock.nowMs() < lastMs) {
      const now = await this.#broughtBack();
      if (now !== null && isCalm(now, replicas) && now.engines.every(({ pid }) => pid !== this.#killed)) return this.#asExpected(now);
      if (now !== null)
        last = `${now.state} (${now.message}), ${now.engines.map(({ id, state, message }) => `${id} ${state}: ${message}`).join('; ')}`;
      await pause(systemClock, LOOK_MS);
    }
    if (!abandoned()) broken([{ promise: 'engines-come-back', says: `${pool} has not come back for ${COMES_BACK_MS} ms: ${last}` }]);
    return null;
  }

  /** Told again as long as something is missing: all of it is as done once. */
  async #broughtBack(): Promise<PoolStatus | null> {
    const { rig, pool, replicas } = this.#parts;
    const status = await this.#answered(() => rig.pool(pool));
    if (status === null) return null;
    const under = await this.#answered(() => rig.client.operations(pool));
    if (under === null || under.some(({ endedAt }) => endedAt === null)) return null;
    const act = (order: PoolOrder) => this.#answered(() => rig.client.act(pool, order, 'chaos: back'));
    const own = status.overrides.find(({ key }) => key.startsWith('engines.'))?.key.slice('engines.'.length);
    if (status.replicas !== replicas) await act({ do: 'scale', replicas });
    else if (own !== undefined) await act({ do: 'resume', replica: Number(own) });
    else if (isShut(status)) await act({ do: 'resume', ...ALL });
    else if (status.wanted !== replicas) await act({ do: 'start', ...ALL });
    return status;
  }

  #asExpected(now: PoolStatus): PoolStatus {
    const { rig, pool, broken } = this.#parts;
    const { crashCount, engines } = now;
    if (crashCount !== this.#crashes)
      broken([{ promise: 'engines-as-before', says: `${pool} has counted ${crashCount} crashes, and there were ${this.#crashes}` }]);
    const generations = new Set(engines.map(({ id, generation }) => `${id}#${generation}`));
    const strange = rig
      .processesByGeneration()
      .filter(({ ref }) => ref.pool === pool && !generations.has(`${pool}/${ref.replica}#${ref.generation}`));
    broken(
      strange.map(({ pid, ref }) => ({
        promise: 'one-process-per-replica',
        says: `process ${pid} is of ${pool}/${ref.replica}#${ref.generation}, and ${[...generations].join(', ')} are there`,
      })),
    );
    return now;
  }

  /** Asked until it is answered. Null: refused, with a cause. */
  async #answered<T>(ask: () => Promise<T>): Promise<T | null> {
    while (!this.#parts.abandoned()) {
      await this.#parts.open();
      try {
        return await ask();
      } catch (error) {
        const refusal = refusalIn(error);
        if (refusal.is === 'refused') {
          if (!REFUSALS.has(refusal.code))
            this.#parts.broken([
              { promise: 'refused-with-cause', says: `what was done to ${this.#parts.pool} was refused: ${(error as Error).message}` },
            ]);
          return null;
        }
        await pause(systemClock, LOOK_MS);
      }
    }
    return null;
  }
}

/** Paused, draining or drained. */
function isShut({ overrides, draining, state }: PoolStatus): boolean {
  return draining || state === 'drained' || overrides.some(({ key }) => key === 'paused');
}

function isCalm({ state, replicas, engines, overrides }: PoolStatus, wanted: number): boolean {
  return (
    state === 'running' &&
    replicas === wanted &&
    engines.length === wanted &&
    !overrides.some(({ key }) => key === 'paused') &&
    engines.every((one) => one.state === 'ready' && one.role === 'serving' && one.pid !== null)
  );
}
