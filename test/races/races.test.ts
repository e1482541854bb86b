/** "No request waits without a timer": unload, drain, crash, expiry and acquire within 2 ms of one instant, and everybody gets his answer. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plant } from './race-pool.ts';
import { Ground } from './race-pool.ts';
import { playedRound } from './round.ts';

const ROUNDS = Number(process.env.POOLD_RACES ?? 5_000);
const SEED = Number(process.env.POOLD_RACES_SEED ?? 1);
/** In so many rounds everything that can be drawn has been. */
const ENOUGH_ROUNDS = 2_000;
/** Within so many rounds a bug is found, or the rounds prove nothing. */
const PLANTED_ROUNDS = 300;

let ground: Ground;
beforeAll(() => {
  ground = new Ground();
});
afterAll(() => ground.close());

it(`${ROUNDS} rounds from seed ${SEED} on: one answer to each, by its time, and no slot is lost`, { timeout: 600_000 }, async () => {
  const answers = new Set<string>();
  for (let seed = SEED; seed < SEED + ROUNDS; seed += 1) {
    const verdict = await playedRound(ground, seed);
    expect(verdict.broken, `replay: npm run races -- --seed ${seed}`).toBeNull();
    for (const answer of verdict.answers) answers.add(answer);
  }
  // What the rounds are for has come about in them, where they are not a few to be looked at again.
  if (ROUNDS < ENOUGH_ROUNDS) return;
  const seen = ['queue_timeout', 'pool_draining', 'pool_stopped', 'queue_full', 'granted', 'left'];
  for (const kind of ['held', 'ticket', 'bound'])
    expect([...answers]).toEqual(expect.arrayContaining(seen.map((word) => `${kind}: ${word}`)));
  for (const word of ['no_free_slot', 'no_ready_engine', 'breaker_open']) expect([...answers]).toContain(`refuse: ${word}`);
});

const PLANTS: readonly { readonly bug: string; readonly plant: Plant; readonly says: RegExp }[] = [
  {
    bug: 'whoever is refused while he waits is not woken',
    plant: {
      ears(ears, { desk }) {
        const changed = desk.changed.bind(desk);
        desk.changed = (id) => {
          if (desk.pastTicket(id)?.state !== 'refused') changed(id);
        };
        return ears;
      },
    },
    says: /has no answer at/,
  },
  {
    bug: 'one timer of the pool in nine is lost',
    plant: {
      poolClock(clock) {
        const after = clock.after.bind(clock);
        let armed = 0;
        clock.after = (delayMs, fire) => {
          armed += 1;
          return after(armed % 9 === 0 ? Number.POSITIVE_INFINITY : delayMs, fire);
        };
        return clock;
      },
    },
    says: /no timer of the pool fires by then|has no answer at|although everything was done/,
  },
  {
    bug: 'what is asked while a drain begins is not answered',
    plant: {
      pool(pool) {
        const ask = pool.ask.bind(pool);
        pool.ask = (event) => {
          if (pool.state.drain === null || event.type !== 'acquire') ask(event);
        };
      },
    },
    says: /has no answer at/,
  },
];

describe('a bug that was put in', () => {
  it.each(PLANTS)('is found: $bug', { timeout: 60_000 }, async ({ plant, says }) => {
    for (let seed = 1; seed <= PLANTED_ROUNDS; seed += 1) {
      const { broken } = await playedRound(ground, seed, plant);
      if (broken === null) continue;
      expect(broken).toMatch(says);
      expect((await playedRound(ground, seed)).broken).toBeNull();
      return;
    }
    expect.unreachable(`not found in ${PLANTED_ROUNDS} rounds`);
  });
});
