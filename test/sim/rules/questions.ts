/** Small questions about a step that several rules ask, answered without the machine's own code. */
import type { PoolSpec } from '../../../src/config/spec.ts';
import type { EngineState, Run } from '../../../src/engine/engine-state.ts';
import type { EventType, Happening } from '../../../src/events/event.ts';
import type { HistoryEntry } from '../../../src/pool/host.ts';
import type { PoolState } from '../../../src/pool/pool-state.ts';
import type { Rollout } from '../../../src/rollout/rollout.ts';
import type { Step } from '../ground.ts';

export function specNow(state: PoolState): PoolSpec {
  const spec = state.specs[state.specId];
  if (spec === undefined) throw new Error(`${state.name} has no spec`);
  return spec;
}

export function engineIn(state: PoolState, replica: number): EngineState | undefined {
  const there = state.engines[replica];
  return there?.replica === replica ? there : state.engines.find((engine) => engine.replica === replica);
}

export function runOf(engine: EngineState | undefined): Run | null {
  return engine !== undefined && 'run' in engine.phase ? engine.phase.run : null;
}

export function wanted(state: PoolState, engine: EngineState): boolean {
  const running = !state.shuttingDown && state.wanted.state === 'running';
  return running && engine.role === 'serving' && engine.held === null && isMember(state, engine.replica);
}

export function membersOf({ replicas }: PoolState): readonly number[] {
  if (replicas.members !== null) return replicas.members;
  const members: number[] = [];
  for (let replica = 0; replica < replicas.count; replica += 1) members.push(replica);
  return members;
}

function isMember({ replicas }: PoolState, replica: number): boolean {
  return replicas.members === null ? replica < replicas.count : replicas.members.includes(replica);
}

/** Of that generation, whatever its role. */
export function lifeIn(state: PoolState, ref: { readonly replica: number; readonly generation: number }): EngineState | undefined {
  const serving = engineIn(state, ref.replica);
  if (serving?.generation === ref.generation) return serving;
  return state.others.find(({ replica, generation }) => replica === ref.replica && generation === ref.generation);
}

export function everyEngine(state: PoolState): readonly EngineState[] {
  return state.others.length === 0 ? state.engines : [...state.engines, ...state.others];
}

/** Replicas that another generation has taken over in this step: a reload's candidate, or on the way back the old one. */
export function takenOver(step: Step): readonly number[] {
  if (step.before.others.length === 0) return NOTHING;
  return step.changes.flatMap(({ was, is }) => {
    const there =
      was.generation !== is.generation &&
      step.before.others.some((other) => other.replica === is.replica && other.generation === is.generation);
    // One that was killed and is still there only has the place.
    return there && is.phase.is !== 'stuck' ? [is.replica] : [];
  });
}

/** Replicas that a reload or restart is about: a reload is about all. */
export function concernedBy({ before, after }: Step): readonly number[] {
  const rollout = after.rollout ?? before.rollout;
  if (rollout === null) return [];
  if (rollout.kind === 'reload') return after.engines.map(({ replica }) => replica);
  const { todo, units, done } = before.rollout?.operationId === rollout.operationId ? before.rollout : rollout;
  return [...todo, ...units.map(({ replica }) => replica), ...done];
}

/** A reload goes back: what its new spec has done to the engine says nothing about the old one. */
export function oldSpecAgain(step: Step, replica: number): boolean {
  return emitted(step, 'reload.rolled_back').length > 0 && engineIn(step.before, replica)?.specId !== null;
}

export function committedIn(step: Step): boolean {
  return emitted(step, 'reload.step').some(({ facts }) => facts.step === 'committed');
}

/** The one that has come to its commit; null also for one that had nothing to do: begun and over in the step, it stands in neither state. */
export function committedRollout(step: Step): Rollout | null {
  const commit = emitted(step, 'reload.step').find(({ facts }) => facts.step === 'committed');
  if (commit === undefined) return null;
  return [step.before.rollout, step.after.rollout].find((rollout) => rollout?.operationId === commit.facts.operation) ?? null;
}

/** A reload that tried one engine past the breakers has succeeded: as good as a reset. */
export function revived(step: Step): boolean {
  return committedRollout(step)?.revives === true;
}

export function takenIn({ seats }: EngineState): number {
  let taken = 0;
  for (const lease of seats) if (lease !== null) taken += 1;
  return taken;
}

/** Ends of engines that served: those of candidates and of what is retiring count for nothing. */
export function recordsOf({ ends, before }: Step): readonly HistoryEntry[] {
  if (ends.length === 0) return NOTHING;
  return ends.filter((entry) => engineIn(before, replicaOf(entry))?.generation === entry.generation);
}

const NOTHING: readonly never[] = [];

export function emitted(step: Step, type: EventType): readonly Happening[] {
  // Asked many times of each step, and mostly of what was not told.
  for (const happening of step.told) if (happening.type === type) return step.told.filter((other) => other.type === type);
  return NOTHING;
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
