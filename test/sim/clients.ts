/** All who want leases of a world, and how they are drawn. */
import type { PoolSpec } from '../../src/config/spec.ts';
import type { Manners } from './client.ts';
import { Client } from './client.ts';
import type { Dice, Stream } from './dice.ts';
import { between, chance, pick, whole } from './dice.ts';
import type { World } from './world.ts';

export class Clients {
  readonly all: Client[] = [];
  readonly #world: World;
  readonly #dice: Dice;

  constructor(world: World, dice: Dice) {
    this.#world = world;
    this.#dice = dice;
  }

  come(pool: string, count: number, id: number): void {
    const spec = this.#world.ground.file.get(pool) ?? null;
    for (let one = 0; one < count; one += 1) {
      const draw = this.#dice.stream('client', id * 100 + one);
      const client = new Client({ name: `client-${id}-${one}`, manners: mannersOf(draw, pool, spec), world: this.#world, draw });
      this.all.push(client);
      client.begin();
    }
  }

  of(pool: string): Client[] {
    return this.all.filter((client) => !client.dead && client.manners.pool === pool);
  }

  /** One of them, or none. */
  some(draw: Stream): Client[] {
    const living = this.all.filter(({ dead }) => !dead);
    return living.slice(whole(draw, 0, Math.max(0, living.length - 1))).slice(0, 1);
  }

  daemonDied(): void {
    for (const client of this.all) client.daemonDied();
  }

  settle(): void {
    for (const client of this.all) client.settles();
  }
}

function mannersOf(draw: Stream, pool: string, spec: PoolSpec | null): Manners {
  const ttlMs = between(draw, 800, 10_000);
  const claimMs = spec?.queue.claimMs ?? 2_000;
  return {
    pool,
    ttlMs,
    bind: chance(draw, 0.25) ? 'connection' : 'ttl',
    priority: pick(draw, [5, 5, 5, 0, 3, 7, 9]),
    waitMs: pick(draw, [null, null, 0, between(draw, 100, 3_000), between(draw, 3_000, 30_000)]),
    keyed: chance(draw, 0.4),
    renewsAfter: pick(draw, [0.4, 0.6, 0.8, 0.95, 1, 1.05, Number.POSITIVE_INFINITY]),
    holdsMs: pick(draw, [between(draw, 0, 500), between(draw, 500, 8_000), between(draw, 8_000, 60_000)]),
    pollsMs: pick(draw, [between(draw, 300, 2_000), claimMs / 2, claimMs, claimMs * 1.5]),
    watches: chance(draw, 0.5),
    leavesAfterMs: chance(draw, 0.2) ? between(draw, 100, 6_000) : Number.POSITIVE_INFINITY,
    releases: pick(draw, ['once', 'once', 'once', 'twice', 'never', 'as failed']),
  };
}
