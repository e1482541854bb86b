/** A pool that starts from nothing while its queue is full: everyone is told an estimate at the moment of the start, and then waits. */
import { estimates } from '../../src/admission/estimate-state.ts';
import { Dice } from '../sim/dice.ts';
import type { Outcome } from './load.ts';
import { LENGTHS, normal } from './load.ts';

export interface ColdStarts {
  readonly seed: number;
  readonly starts: number;
  readonly slots: number;
  readonly waiters: number;
}

const P50_MS = 90_000;
const P90_MS = 180_000;
/** The standard normal distribution has its ninth tenth here. */
const NINTH_TENTH = 1.2816;
const DURATIONS = 200;

export function startedCold({ seed, starts, slots, waiters }: ColdStarts): Outcome[] {
  const dice = new Dice({ seed, only: null });
  const [lengths, random, coming] = [dice.stream('lengths'), dice.stream('futures'), dice.stream('starts')];
  return Array.from({ length: starts }, () => {
    const told = estimates({
      held: [],
      freeSlots: 0,
      coming: [{ p50Ms: P50_MS, p90Ms: P90_MS, slots }],
      durationsMs: Array.from({ length: DURATIONS }, () => LENGTHS.exponential(lengths)),
      positions: waiters,
      random,
    });
    const readyMs = P50_MS * Math.exp((normal(coming) * Math.log(P90_MS / P50_MS)) / NINTH_TENTH);
    const freeAtMs = Array.from({ length: slots }, () => readyMs);
    return told.flatMap((estimate, index): Outcome[] => {
      freeAtMs.sort((one, other) => one - other);
      const waitedMs = freeAtMs[0] ?? 0;
      freeAtMs[0] = waitedMs + LENGTHS.exponential(lengths);
      return estimate === null ? [] : [{ position: index + 1, estimate, waitedMs }];
    });
  }).flat();
}
