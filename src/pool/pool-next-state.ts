/** The one door into a pool's decisions: see the head of `pool-state.ts`. */
import type { Moment } from '../clock.ts';
import type { Effect } from './effects.ts';
import { handled } from './handlers-state.ts';
import { operationsSettled } from './operation-state.ts';
import type { PoolEvent } from './pool-events.ts';
import type { PoolState } from './pool-state.ts';
import { poolStateName } from './pool-view.ts';
import { settled } from './settle-state.ts';
import type { Turn } from './turn.ts';
import { emit } from './turn.ts';

/** One event, handled to its end: then everything that is due by it is decided, and what changed is announced. */
export function next(state: PoolState, event: PoolEvent, env: Moment): [PoolState, Effect[]] {
  const turn: Turn = { state, env, effects: [] };
  handled(turn, event);
  settled(turn);
  operationsSettled(turn);
  announced(turn);
  return [turn.state, turn.effects];
}

function announced(turn: Turn): void {
  const newState = poolStateName(turn.state);
  const oldState = turn.state.announced;
  if (newState === oldState) return;
  turn.state = { ...turn.state, announced: newState, beenReady: turn.state.beenReady && newState !== 'stopped' };
  emit(turn, 'pool.state', { oldState, newState });
}
