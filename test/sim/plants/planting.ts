/** How a bug is put into the machine on purpose. */
import type { EngineState, Phase } from '../../../src/engine/engine-state.ts';
import type { Effect } from '../../../src/pool/effects.ts';
import type { PoolEvent } from '../../../src/pool/pool-events.ts';
import type { PoolState } from '../../../src/pool/pool-state.ts';
import type { Machine } from '../machine.ts';
import { theMachine } from '../machine.ts';
import type { Invariant } from '../violation.ts';

export interface Plant {
  readonly bug: string;
  readonly machine: Machine;
  /** The promises that it breaks: any of them may be the first to be noticed. */
  readonly breaks: readonly [Invariant, ...Invariant[]];
}

export type Next = Machine['next'];

const { next } = theMachine;

export function planted(bug: string, machine: Partial<Machine>, ...breaks: Plant['breaks']): Plant {
  return { bug, machine: { ...theMachine, ...machine }, breaks };
}

/** `next` with something done to the state it leaves. */
export function afterwards(change: (state: PoolState, before: PoolState, nowMs: number) => PoolState): Next {
  return (state, event, env) => {
    const [after, effects] = next(state, event, env);
    return [change(after, state, env.nowMs), effects];
  };
}

export function beforehand(change: (state: PoolState, nowMs: number) => PoolState): Next {
  return (state, event, env) => next(change(state, env.nowMs), event, env);
}

export function without(kind: (effect: Effect) => boolean): Next {
  return (state, event, env) => {
    const [after, effects] = next(state, event, env);
    return [after, effects.filter((effect) => !kind(effect))];
  };
}

export function engines(state: PoolState, change: (engine: EngineState) => EngineState): PoolState {
  return { ...state, engines: state.engines.map(change) };
}

export function phases(state: PoolState, change: (phase: Phase, engine: EngineState) => Phase): PoolState {
  return engines(state, (engine) => {
    const phase = change(engine.phase, engine);
    return phase === engine.phase ? engine : { ...engine, phase };
  });
}

/** A decision in which something looks otherwise than it is: `back` puts it right behind it. */
export function deceived(
  lie: (state: PoolState, event: PoolEvent, nowMs: number) => PoolState | null,
  back: (after: PoolState, before: PoolState) => PoolState = (after) => after,
): Next {
  return (state, event, env) => {
    const seen = lie(state, event, env.nowMs);
    if (seen === null) return next(state, event, env);
    const [after, effects] = next(seen, event, env);
    return [back(after, state), effects];
  };
}

/** All generations, whatever their role. */
export function everyOne(state: PoolState, change: (engine: EngineState) => EngineState): PoolState {
  return { ...state, engines: state.engines.map(change), others: state.others.map(change) };
}
