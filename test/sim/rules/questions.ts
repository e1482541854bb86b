/** Small questions about a step that several rules ask, answered without the machine's own code. */
import type { PoolSpec } from '../../../src/config/spec.ts';
import type { EngineState, Run } from '../../../src/engine/engine-state.ts';
import type { EngineRef } from '../../../src/engine/identity.ts';
import type { EventType, Happening } from '../../../src/events/event.ts';
import type { HistoryEntry } from '../../../src/pool/host.ts';
import type { PoolState } from '../../../src/pool/pool-state.ts';
import type { Step } from '../ground.ts';

export function specNow(state: PoolState): PoolSpec {
  const spec = state.specs[state.specId];
  if (spec === undefined) throw new Error(`${state.name} has no spec`);
  return spec;
}

export function engineIn(state: PoolState, replica: number): EngineState | undefined {
  return state.engines.find((engine) => engine.replica === replica);
}

export function runOf(engine: EngineState | undefined): Run | null {
  return engine !== undefined && 'run' in engine.phase ? engine.phase.run : null;
}

export function wanted(state: PoolState, engine: EngineState): boolean {
  return !state.shuttingDown && state.wanted.state === 'running' && engine.replica < state.replicas.count && engine.held === null;
}

export function spawnsOf(step: Step): EngineRef[] {
  return step.effects.flatMap((effect) => (effect.do === 'spawn' ? [effect.ref] : []));
}

export function recordsOf(step: Step): HistoryEntry[] {
  return step.effects.flatMap((effect) => (effect.do === 'record' ? [effect.entry] : []));
}

export function emitted(step: Step, type: EventType): Happening[] {
  return step.effects.flatMap((effect) => (effect.do === 'emit' && effect.happening.type === type ? [effect.happening] : []));
}

export function replicaOf(entry: HistoryEntry): number {
  return Number(entry.engine.slice(entry.engine.lastIndexOf('/') + 1));
}

/** Restarts in a window where the file gives no count: product.md, "Limiter" and "Storm". */
export function countOr(count: number | null, state: PoolState): number {
  return count ?? Math.max(10, 2 * state.replicas.count);
}

export function commandOf(step: Step): string | null {
  return step.event.type === 'command' ? step.event.command.do : null;
}
