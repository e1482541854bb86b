/** Invariants 23 and 24: what a client was told that it has is there after any death, until it ends; and one key is one lease. */
import type { Held } from '../../../src/lease/lease-events.ts';
import type { PoolState } from '../../../src/pool/pool-state.ts';
import type { Rule, Step } from '../ground.ts';
import { must } from '../violation.ts';
import type { World } from '../world.ts';
import { everyEngine } from './questions.ts';

/** For so long after its end a key is known. */
const REMEMBERED_MS = 600_000;

export class AcknowledgedRule implements Rule {
  readonly #world: World;
  /** Acknowledged and not ended: pool → leases. */
  readonly #held = new Map<string, Set<string>>();
  /** `chat client-1-0-3` → lease. */
  readonly #keys = new Map<string, string>();
  /** Lease → the wall clock at its end. */
  readonly #ended = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  changed(step: Step): void {
    for (const happening of step.leasing) {
      if (happening.is !== 'ended') continue;
      this.#heldIn(step.pool).delete(happening.ended.held.lease.id);
      this.#ended.set(happening.ended.held.lease.id, step.wallMs);
    }
  }

  acknowledged(pool: string, { lease: { id, key } }: Held): void {
    if (!this.#ended.has(id)) this.#heldIn(pool).add(id);
    if (key === null) return;
    const known = this.#keys.get(`${pool} ${key}`) ?? id;
    const endedMs = this.#ended.get(known);
    const forgotten = endedMs !== undefined && Math.abs(this.#world.ground.wallMs - endedMs) > REMEMBERED_MS;
    must(known === id || forgotten, 'keys', () => `the key ${key} of ${pool} was ${known}, now it is ${id}`);
    this.#keys.set(`${pool} ${key}`, id);
  }

  booting(): void {
    for (const [pool, held] of this.#held) {
      const state = this.#world.ground.disk.get(pool);
      for (const id of held) must(isSeated(state, id), 'durable', () => `${id} of ${pool} was acknowledged and is not on the disk`);
    }
  }

  /** What is on the disk is what the daemon goes on with. */
  between(pools: ReadonlySet<string>): void {
    const { daemon } = this.#world;
    if (daemon === null) return;
    for (const pool of pools) {
      const state = daemon.state(pool);
      for (const id of this.#heldIn(pool))
        must(isSeated(state, id), 'durable', () => `${id} of ${pool} was acknowledged, has not ended, and is not there`);
    }
  }

  #heldIn(pool: string): Set<string> {
    const known = this.#held.get(pool);
    if (known !== undefined) return known;
    const made = new Set<string>();
    this.#held.set(pool, made);
    return made;
  }
}

function isSeated(state: PoolState | undefined, id: string): boolean {
  if (state === undefined) return false;
  return everyEngine(state).some(({ seats }) => seats.some((lease) => lease?.id === id));
}
