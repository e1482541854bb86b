/** What a step has changed: by replica, as whoever is served sees it, and by generation, as processes are. */
import type { EngineState } from '../../src/engine/engine-state.ts';
import { newEngine } from '../../src/engine/engine-state.ts';
import type { PoolState } from '../../src/pool/pool-state.ts';
import { allEngines, engineIn, generationIn } from '../../src/pool/turn.ts';
import type { Change, Decided, Life, Step } from './ground.ts';
import { sorted } from './sorted.ts';

export function stepOf(decided: Decided, { nowMs, wallMs }: Pick<Step, 'nowMs' | 'wallMs'>): Step {
  const { pool, before, after, event, effects } = decided;
  const { told, spawns, ends, answers, leasing } = sorted(effects);
  const changes = changesOf(before, after);
  const lives = livesOf(before, after);
  return { pool, before, after, changes, lives, event, effects, told, spawns, ends, answers, leasing, nowMs, wallMs };
}

const NOTHING: readonly never[] = [];

function changesOf(before: PoolState, after: PoolState): readonly Change[] {
  if (before.engines === after.engines) return NOTHING;
  const changes: Change[] = [];
  for (const is of after.engines) {
    const was = engineIn(before, is.replica) ?? newEngine(is.replica, is.breaker);
    if (was !== is) changes.push({ was, is });
  }
  return changes;
}

/** A replica whose next generation begins goes on from its last one; a candidate begins as nothing. */
function livesOf(before: PoolState, after: PoolState): readonly Life[] {
  if (before.engines === after.engines && before.others === after.others) return NOTHING;
  const lives: Life[] = [];
  const followed: EngineState[] = [];
  for (const is of allEngines(after)) {
    const was = generationIn(before, is) ?? follows(before, after, is);
    followed.push(was);
    if (was !== is) lives.push({ was, is });
  }
  for (const was of allEngines(before)) if (!followed.includes(was)) lives.push({ was, is: null });
  return lives;
}

function follows(before: PoolState, after: PoolState, is: EngineState): EngineState {
  const last = is.role === 'serving' ? engineIn(before, is.replica) : undefined;
  return last === undefined || generationIn(after, last) !== undefined ? newEngine(is.replica, is.breaker) : last;
}
