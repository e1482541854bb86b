/** SIGKILL of an engine → first act of its successor, for several supervisors in turns. */
import { pause, systemClock } from '../../src/clock.ts';
import { needs, until } from '../machine/rig.ts';
import type { Stamp, Supervised } from './supervisors.ts';
import { lastStamp, poold, runit, shellLoop, supervisord } from './supervisors.ts';

/** runit holds an engine back that lived for less than a second. */
const LIFE_MS = 1_200;

export interface Restarts {
  readonly name: string;
  /** Sorted, in milliseconds. */
  readonly delaysMs: readonly number[];
  /** From the kill to the decision to start: end noticed, tree empty, logs read, end stored. Null where it cannot be told. */
  readonly decidedMs: readonly number[] | null;
}

export async function benchRestarts(kills: number): Promise<Restarts[]> {
  needs('runsv', 'runit');
  needs('supervisord', 'supervisor');
  const all: Supervised[] = [];
  try {
    all.push(await poold('poold'), await poold('poold, weak containment', { POOLD_CONTAINMENT: 'weak' }));
    all.push(runit(), supervisord(), shellLoop());
    for (const { name, stamps } of all) await until(`${name} has started its engine`, () => lastStamp(stamps));
    const results = all.map(({ name, decidedMs }) => ({
      name,
      delaysMs: [] as number[],
      decidedMs: decidedMs === null ? null : ([] as number[]),
    }));
    for (let kill = 0; kill < kills; kill += 1) {
      await pause(systemClock, LIFE_MS);
      // Another one begins each time, so that nobody always comes behind the same neighbour.
      for (let turn = 0; turn < all.length; turn += 1) {
        const index = (turn + kill) % all.length;
        const [supervisor, result] = [all[index], results[index]];
        if (supervisor !== undefined && result !== undefined) await killed(supervisor, result);
      }
    }
    return results.map((result) => ({
      ...result,
      delaysMs: result.delaysMs.toSorted(byValue),
      decidedMs: result.decidedMs?.toSorted(byValue) ?? null,
    }));
  } finally {
    for (const supervisor of all) await supervisor.end();
  }
}

/** The middle one of sorted values. */
export function median(sorted: readonly number[]): number {
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

async function killed({ name, stamps, decidedMs }: Supervised, result: { delaysMs: number[]; decidedMs: number[] | null }): Promise<void> {
  const before = lastStamp(stamps);
  if (before === null) throw new Error(`${name} has no engine`);
  const atMs = nextMillisecond();
  process.kill(before.pid, 'SIGKILL');
  const after: Stamp = await until(`${name} has started the next engine`, () => {
    const stamp = lastStamp(stamps);
    return stamp !== null && stamp.count > before.count ? stamp : null;
  });
  result.delaysMs.push(after.atMs - atMs);
  const decided = decidedMs === null ? null : await until(`${name} tells when it decided`, () => decidedMs(after.count));
  if (decided !== null) result.decidedMs?.push(decided - atMs);
}

/** Waits for the wall clock to turn over: as it tells no parts of a millisecond, then it is exact. */
function nextMillisecond(): number {
  const fromMs = systemClock.wallMs();
  for (;;) {
    const nowMs = systemClock.wallMs();
    if (nowMs !== fromMs) return nowMs;
  }
}

function byValue(one: number, other: number): number {
  return one - other;
}
