/** The one door into a pool's decisions: see the head of `pool-state.ts`. */

import { promoted } from '../admission/queue-state.ts';
import type { Moment } from '../clock.ts';
import type { EngineState } from '../engine/engine-state.ts';
import type { LeaseEvent } from '../lease/lease-events.ts';
import { asked } from '../lease/leasing-state.ts';
import type { Effect } from './effects.ts';
import { handled } from './handlers-state.ts';
import { operationsSettled } from './operation-state.ts';
import type { PoolEvent } from './pool-events.ts';
import type { PoolState } from './pool-state.ts';
import { settled } from './settle-state.ts';
import { poolStateName } from './standing-state.ts';
import type { Turn } from './turn.ts';
import { emit } from './turn.ts';

type EngineEvent = Exclude<PoolEvent, LeaseEvent>;

/** One event, handled to its end: then everything that is due by it is decided, and what changed is announced. */
export function next(state: PoolState, event: PoolEvent, env: Moment): [PoolState, Effect[]] {
  const turn: Turn = { state, env, effects: [] };
  if (isLeaseEvent(event)) leaseTurn(turn, event);
  else wholeTurn(turn, event);
  return [turn.state, turn.effects];
}

/** Whether it asks something of leases or queue: those are many, and are answered together. */
export function isLeaseEvent(event: PoolEvent): event is LeaseEvent {
  return 'to' in event;
}

function leaseTurn(turn: Turn, event: LeaseEvent): void {
  // ORDER: what time has ended is ended before anything is asked.
  if (turn.env.nowMs >= turn.state.leaseDueMs) wholeTurn(turn, { type: 'tick' });
  const before = turn.state;
  asked(turn, event);
  if (concernsEngines(before, turn.state)) wholeTurn(turn, { type: 'tick' });
  else promoted(turn);
}

function wholeTurn(turn: Turn, event: EngineEvent): void {
  const before = turn.state;
  handled(turn, event);
  // A thousand engines answer hundreds of probes a second, nearly all with what is known: for what time alone brings about a tick comes.
  if (event.type === 'probed' && turn.state === before) return;
  settled(turn);
  operationsSettled(turn);
  announced(turn);
}

/** Most of what is asked changes seats alone, many thousand times a second: everything else is looked at only where it may matter. */
function concernsEngines(before: PoolState, after: PoolState): boolean {
  if (after.drain !== null && after.tickets !== before.tickets) return true;
  return touched(before.engines, after.engines) || touched(before.others, after.others);
}

function touched(before: readonly EngineState[], after: readonly EngineState[]): boolean {
  return (
    after !== before && after.some((engine, at) => engine !== before[at] && (engine.closing !== null || engine.phase !== before[at]?.phase))
  );
}

function announced(turn: Turn): void {
  const newState = poolStateName(turn.state);
  const oldState = turn.state.announced;
  if (newState === oldState) return;
  const over = newState === 'stopped' || newState === 'drained';
  turn.state = { ...turn.state, announced: newState, beenReady: turn.state.beenReady && !over };
  emit(turn, 'pool.state', { oldState, newState });
}
