/** What a step has changed: by replica, as whoever is served sees it, and by generation, as processes are. */
import type { EngineState } from '../../src/engine/engine-state.ts';
import { newEngine } from '../../src/engine/engine-state.ts';
import type { Happening } from '../../src/events/event.ts';
import type { Effect } from '../../src/pool/effects.ts';
import type { PoolState } from '../../src/pool/pool-state.ts';
import { allEngines, generationIn } from '../../src/pool/turn.ts';
import type { Change, Life, Step } from './ground.ts';

export function stepOf(given: Omit<Step, 'changes' | 'lives' | 'told'>): Step {
  const { pool, before, after, event, effects, nowMs, wallMs } = given;
  const [changes, lives] = [changesOf(before, after), livesOf(before, after)];
  return { pool, before, after, changes, lives, event, effects, told: toldBy(effects), nowMs, wallMs };
}

const NOTHING_TOLD: Step['told'] = new Map();

function toldBy(effects: readonly Effect[]): Step['told'] {
  if (effects.length === 0) return NOTHING_TOLD;
  const told = new Map<Happening['type'], Happening[]>();
  for (const effect of effects) {
    if (effect.do !== 'emit') continue;
    const { happening } = effect;
    const others = told.get(happening.type);
    if (others === undefined) told.set(happening.type, [happening]);
    else others.push(happening);
  }
  return told;
}

function changesOf(before: PoolState, after: PoolState): Change[] {
  const changes: Change[] = [];
  if (before.engines === after.engines) return changes;
  for (const is of after.engines) {
    const was = before.engines.find(({ replica }) => replica === is.replica) ?? newEngine(is.replica, is.breaker);
    if (was !== is) changes.push({ was, is });
  }
  return changes;
}

/** A replica whose next generation begins goes on from its last one; a candidate begins as nothing. */
function livesOf(before: PoolState, after: PoolState): Life[] {
  const lives: Life[] = [];
  if (before.engines === after.engines && before.others === after.others) return lives;
  const followed = new Set<EngineState>();
  for (const is of allEngines(after)) {
    const was = generationIn(before, is) ?? follows(before, after, is);
    followed.add(was);
    if (was !== is) lives.push({ was, is });
  }
  for (const was of allEngines(before)) if (!followed.has(was)) lives.push({ was, is: null });
  return lives;
}

function follows(before: PoolState, after: PoolState, is: EngineState): EngineState {
  const last = is.role === 'serving' ? before.engines.find(({ replica }) => replica === is.replica) : undefined;
  return last === undefined || generationIn(after, last) !== undefined ? newEngine(is.replica, is.breaker) : last;
}
