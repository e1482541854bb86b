/** One turn of a pool's mailbox: the only mutable thing in a decision, made for one event and dropped after it. */
import type { Moment } from '../clock.ts';
import type { PoolSpec } from '../config/spec.ts';
import type { EngineState, Run } from '../engine/engine-state.ts';
import { livePhase, newEngine } from '../engine/engine-state.ts';
import type { EngineRef } from '../engine/identity.ts';
import { engineId } from '../engine/identity.ts';
import type { EventType, Fact } from '../events/event.ts';
import { closedBreaker } from '../policy/breaker.ts';
import { stamp } from '../stamp.ts';
import type { Effect } from './effects.ts';
import type { PoolState } from './pool-state.ts';

export interface Turn {
  state: PoolState;
  readonly env: Moment;
  readonly effects: Effect[];
}

/** The spec that starts, policies and commands go by now. */
export function currentSpec(state: PoolState): PoolSpec {
  return specOf(state, state.specId);
}

/** The spec a generation was started by. */
export function specOf(state: PoolState, specId: string): PoolSpec {
  const spec = state.specs[specId];
  if (spec === undefined) throw new Error(`cannot find spec ${specId} of pool ${state.name}: every live generation keeps its own`);
  return spec;
}

/** The engine, where there has been one. Replicas without a gap stand at their own index, so that is looked at first. */
export function engineIn(state: PoolState, replica: number): EngineState | undefined {
  const there = state.engines[replica];
  return there?.replica === replica ? there : state.engines.find((engine) => engine.replica === replica);
}

/** The engine, made on first sight. */
export function engineAt(turn: Turn, replica: number): EngineState {
  return engineIn(turn.state, replica) ?? newEngine(replica, closedBreaker(currentSpec(turn.state).breaker, turn.env.nowMs));
}

/** The engine of that generation, whatever its role; undefined when it is gone. */
export function generationIn(state: PoolState, about: { readonly replica: number; readonly generation: number }): EngineState | undefined {
  const serving = engineIn(state, about.replica);
  if (serving?.generation === about.generation) return serving;
  return state.others.find(({ replica, generation }) => replica === about.replica && generation === about.generation);
}

/** All generations that are there, the serving ones first. */
export function allEngines(state: PoolState): readonly EngineState[] {
  return state.others.length === 0 ? state.engines : [...state.engines, ...state.others];
}

/** Puts the engine in its place; the serving ones stand in order of their replica, the others in that of their start. */
export function put(turn: Turn, engine: EngineState): EngineState {
  if (engine.role !== 'serving') {
    const { others } = turn.state;
    const at = others.findIndex(({ replica, generation }) => replica === engine.replica && generation === engine.generation);
    turn.state = { ...turn.state, others: at < 0 ? [...others, engine] : others.with(at, engine) };
    return engine;
  }
  const others = turn.state.engines;
  const there = others[engine.replica]?.replica === engine.replica;
  const at = there ? engine.replica : others.findIndex((other) => other.replica >= engine.replica);
  const engines = at < 0 ? [...others, engine] : others.toSpliced(at, others[at]?.replica === engine.replica ? 1 : 0, engine);
  turn.state = { ...turn.state, engines };
  return engine;
}

/** The engine with its run changed; only for one that is live. */
export function putRun(turn: Turn, engine: EngineState, change: Partial<Run>): EngineState {
  const phase = livePhase(engine);
  return phase === null ? engine : put(turn, { ...engine, phase: { ...phase, run: { ...phase.run, ...change } } });
}

export function refOf(turn: Turn, engine: EngineState): EngineRef {
  return { pool: turn.state.name, replica: engine.replica, generation: engine.generation };
}

export function emit(turn: Turn, type: EventType, facts: Readonly<Record<string, Fact>>, engine?: EngineState): void {
  const { name } = turn.state;
  turn.effects.push({
    do: 'emit',
    happening:
      engine === undefined
        ? { type, pool: name, facts }
        : { type, pool: name, engine: engineId({ pool: name, replica: engine.replica }), generation: engine.generation, facts },
  });
}

/** The wall-clock stamp of a monotonic time, as far as today's clock can tell. */
export function stampOf(env: Pick<Moment, 'nowMs' | 'wallMs'>, monotonicMs: number): string {
  return stamp(env.wallMs + monotonicMs - env.nowMs);
}
