/** Invariants 23 and 24: what a client was told that it has is there after any death, until it ends; and one key is one lease. */
import type { Held } from '../../../src/lease/lease-events.ts';
import type { Rule, Step } from '../ground.ts';
import { must } from '../violation.ts';
import type { World } from '../world.ts';
import { leaseHappenings, seatedIn } from './leasing.ts';

/** For so long after its end a key is known. */
const REMEMBERED_MS = 600_000;

export class AcknowledgedRule implements Rule {
  readonly #world: World;
  /** Acknowledged and not ended: lease → pool. */
  readonly #held = new Map<string, string>();
  /** `chat client-1-0-3` → lease. */
  readonly #keys = new Map<string, string>();
  /** Lease → the wall clock at its end. */
  readonly #ended = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  stepped(step: Step): void {
    for (const happening of leaseHappenings(step)) {
      if (happening.is !== 'ended') continue;
      this.#held.delete(happening.ended.held.lease.id);
      this.#ended.set(happening.ended.held.lease.id, step.wallMs);
    }
  }

  acknowledged(pool: string, { lease: { id, key } }: Held): void {
    if (!this.#ended.has(id)) this.#held.set(id, pool);
    if (key === null) return;
    const known = this.#keys.get(`${pool} ${key}`) ?? id;
    const endedMs = this.#ended.get(known);
    const forgotten = endedMs !== undefined && Math.abs(this.#world.ground.wallMs - endedMs) > REMEMBERED_MS;
    must(known === id || forgotten, 'keys', () => `the key ${key} of ${pool} was ${known}, now it is ${id}`);
    this.#keys.set(`${pool} ${key}`, id);
  }

  booting(): void {
    for (const [id, pool] of this.#held) {
      const state = this.#world.ground.disk.get(pool);
      const there = state !== undefined && seatedIn(state).some(({ lease }) => lease.id === id);
      must(there, 'durable', () => `${id} of ${pool} was acknowledged and is not on the disk`);
    }
  }

  /** What is on the disk is what the daemon goes on with. */
  between(): void {
    const { daemon } = this.#world;
    if (daemon === null || this.#held.size === 0) return;
    const seated = new Set([...daemon.states.values()].flatMap((state) => seatedIn(state).map(({ lease }) => `${state.name} ${lease.id}`)));
    for (const [id, pool] of this.#held) {
      must(seated.has(`${pool} ${id}`), 'durable', () => `${id} of ${pool} was acknowledged, has not ended, and is not there`);
    }
  }
}
