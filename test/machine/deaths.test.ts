/** Death of the daemon, in short: killed under load, at any moment and at named places, again and again. `npm run chaos` is the long form. */
import { expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { runDeaths } from '../chaos/deaths.ts';
import { table } from '../chaos/report.ts';
import { endRigsAfterEach } from './each.ts';

endRigsAfterEach();

const KILLS = 50;
const ANSWERS_PER_SECOND = 100;
/** Printed with a failure; POOLD_SEED takes it up again. */
const SEED = Number(process.env.POOLD_SEED ?? Math.floor(systemClock.random() * 1e9));

it(`${KILLS} deaths with 50 engines under leased load: no promise is broken (seed ${SEED})`, { timeout: 240_000 }, async () => {
  const figures = await runDeaths({ kills: KILLS, seed: SEED, told: () => {} });
  expect(figures.violations, table(figures, SEED)).toEqual([]);
  expect(figures.kills).toBe(KILLS);
  expect(figures.answered / figures.seconds).toBeGreaterThan(ANSWERS_PER_SECOND);
});
