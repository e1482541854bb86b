/** PURE: how and when each daemon dies, from a seed. */
import { FAILPOINTS } from '../../src/failpoint.ts';
import type { Stream } from '../sim/dice.ts';
import { between, chance, Dice, pick, whole } from '../sim/dice.ts';

export type Death =
  /** SIGKILL so long after it answers. */
  | { readonly by: 'moment'; readonly afterMs: number }
  /** SIGKILL so long after its spawn, while it starts. */
  | { readonly by: 'start'; readonly afterMs: number }
  /** At POOLD_FAILPOINT. */
  | { readonly by: 'failpoint'; readonly point: string };

/** Where a daemon comes by all the time: with each commit, with each answer. */
const IN_USE = ['commit:before', 'commit:after', 'answer:before', 'answer:after'] as const;
const LONGEST_LIFE_MS = 1_000;
const LONGEST_START_MS = 700;
const MOST_PASSES = 250;

export function deathOf(seed: number, kill: number): Death {
  const draw = new Dice({ seed, only: null }).stream('death', kill);
  const share = draw();
  if (share < 0.35) return { by: 'moment', afterMs: between(draw, 0, LONGEST_LIFE_MS) };
  if (share < 0.42) return { by: 'start', afterMs: between(draw, 0, LONGEST_START_MS) };
  return { by: 'failpoint', point: pointOf(draw) };
}

function pointOf(draw: Stream): string {
  // Few passes are the daemon's first steps, many are the middle of its work.
  if (chance(draw, 0.4)) return `${pick(draw, IN_USE)}@${chance(draw, 0.3) ? whole(draw, 1, 12) : whole(draw, 1, MOST_PASSES)}`;
  const point = FAILPOINTS[whole(draw, 0, FAILPOINTS.length - 1)] ?? 'adopt:found';
  return `${point}@${chance(draw, 0.6) ? 1 : whole(draw, 1, 4)}`;
}

export function namedDeath(death: Death): string {
  return death.by === 'failpoint' ? death.point : `${death.by} + ${Math.round(death.afterMs)} ms`;
}
