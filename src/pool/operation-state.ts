/**
 * A person's commands as operations: what each waits for, its steps, and how it ended. contract.md, "Operation outcomes".
 * They only watch: what is done to engines is decided elsewhere, so that an operation can be dropped without harm.
 */
import type { EngineState } from '../engine/engine-state.ts';
import { isLive } from '../engine/engine-state.ts';
import { engineId } from '../engine/identity.ts';
import type { Code } from '../errors.ts';
import { takenOf } from '../lease/lease-state.ts';
import { stamp } from '../stamp.ts';
import type { ActiveOperation, PoolState } from './pool-state.ts';
import { startFault } from './start-fault-state.ts';
import type { Operation, OperationKind, OperationProgress, OperationState } from './status.ts';
import type { Turn } from './turn.ts';
import { allEngines, emit, engineIn, stampOf } from './turn.ts';
import { isWanted } from './wanted-state.ts';

/** Steps kept of one operation. */
const STEPS_MAX = 200;

export type Verdict =
  | { readonly is: 'running' }
  | { readonly is: 'succeeded'; readonly outcome: string }
  | { readonly is: 'cancelled'; readonly outcome?: string; readonly message: string }
  | { readonly is: 'failed'; readonly outcome: string | null; readonly code: Code; readonly message: string };

/** Adds a line to every operation that is about the replica. */
export function stepped(turn: Turn, replica: number, text: string): void {
  if (turn.state.operations.length === 0) return;
  const step = { at: stamp(turn.env.wallMs), text };
  turn.state = {
    ...turn.state,
    operations: turn.state.operations.map((operation) =>
      isAbout(turn.state, operation, replica) ? { ...operation, steps: [...operation.steps, step].slice(-STEPS_MAX) } : operation,
    ),
  };
}

/** Adds a line that is about no replica in particular. */
export function operationStepped(turn: Turn, operationId: string, text: string): void {
  const step = { at: stamp(turn.env.wallMs), text };
  turn.state = {
    ...turn.state,
    operations: turn.state.operations.map((operation) =>
      operation.id === operationId ? { ...operation, steps: [...operation.steps, step].slice(-STEPS_MAX) } : operation,
    ),
  };
}

export function operationForced(turn: Turn, replica: number): void {
  turn.state = {
    ...turn.state,
    operations: turn.state.operations.map((operation) =>
      operation.stops.includes(replica) || isOfRollout(turn.state, operation, replica) ? { ...operation, forced: true } : operation,
    ),
  };
}

function isOfRollout({ rollout }: PoolState, operation: ActiveOperation, replica: number): boolean {
  if (rollout === null || operation.id !== rollout.operationId) return false;
  return [...rollout.todo, ...rollout.done].includes(replica) || rollout.units.some((unit) => unit.replica === replica);
}

/** Whether what happens to the replica is a step of the operation. */
function isAbout(state: PoolState, operation: ActiveOperation, replica: number): boolean {
  if (isOfRollout(state, operation, replica)) return true;
  return operation.stops.includes(replica) || operation.starts.some((target) => target.replica === replica);
}

/** Ends what is over: each operation exactly once, by what has become of its engines. */
export function operationsSettled(turn: Turn): void {
  for (const operation of turn.state.operations) {
    const verdict = verdictOf(turn, operation);
    if (verdict.is !== 'running') ended(turn, operation, verdict);
  }
}

/** Takes operations back that a newer command makes pointless. A reload takes back itself, step by step. */
export function superseded(turn: Turn, replicas: readonly number[], kinds: readonly OperationKind[]): void {
  for (const operation of turn.state.operations) {
    if (operation.id === turn.state.rollout?.operationId || operation.id === turn.state.waitingReload?.operationId) continue;
    const overlaps = replicas.some(
      (replica) => operation.stops.includes(replica) || operation.starts.some((target) => target.replica === replica),
    );
    if (kinds.includes(operation.kind) && overlaps) ended(turn, operation, { is: 'cancelled', message: 'a newer command took its place' });
  }
}

export function ended(turn: Turn, operation: ActiveOperation, verdict: Exclude<Verdict, { readonly is: 'running' }>): void {
  const shown = operationShown(turn.state, operation, {
    verdict,
    endedAtMs: turn.env.wallMs,
    nowMs: turn.env.nowMs,
    wallMs: turn.env.wallMs,
  });
  turn.state = {
    ...turn.state,
    operations: turn.state.operations.filter(({ id }) => id !== operation.id),
    rolling: turn.state.rolling?.operationId === operation.id ? null : turn.state.rolling,
  };
  turn.effects.push({ do: 'operation', operation: shown });
  emit(turn, 'operation.finished', {
    operation: operation.id,
    kind: operation.kind,
    state: shown.state,
    outcome: shown.outcome,
    by: operation.stamp.by,
    reason: operation.stamp.reason,
    error: shown.error?.message ?? null,
  });
}

/** As the API shows it. */
export function operationShown(
  pool: PoolState,
  operation: ActiveOperation,
  given: Seen &
    ({ readonly verdict: Exclude<Verdict, { readonly is: 'running' }>; readonly endedAtMs: number } | { readonly verdict: null }),
): Operation {
  const { verdict } = given;
  const waits = [pool.waitingReload?.operationId, pool.waitingScale?.operationId].includes(operation.id);
  const state: OperationState = verdict === null ? (waits ? 'queued' : 'running') : verdict.is;
  const cancelled = verdict?.is === 'cancelled' ? { code: 'conflict' as const, message: verdict.message } : null;
  return {
    id: operation.id,
    kind: operation.kind,
    pool: pool.name,
    state,
    outcome: outcomeOf(operation.kind, verdict),
    steps: operation.steps,
    progress: verdict === null ? progressOf(pool, operation, given) : { leasesLeft: 0, deadlineAt: null, candidate: null },
    error: verdict?.is === 'failed' ? { code: verdict.code, message: verdict.message } : cancelled,
    by: operation.stamp.by,
    reason: operation.stamp.reason,
    startedAt: stamp(operation.stamp.atMs),
    endedAt: given.verdict === null ? null : stamp(given.endedAtMs),
  };
}

/** Some kinds name their cancellation as an outcome: contract.md, "Operation outcomes". */
function outcomeOf(kind: OperationKind, verdict: Exclude<Verdict, { readonly is: 'running' }> | null): string | null {
  if (verdict === null) return null;
  if (verdict.is !== 'cancelled') return verdict.outcome;
  return verdict.outcome ?? (kind === 'drain' || kind === 'reload' ? 'cancelled' : null);
}

/** Both clocks, to turn one's times into the other's. */
type Seen = { readonly nowMs: number; readonly wallMs: number };

/** Leases on what is on its way out, and when they are cut. */
function progressOf(pool: PoolState, operation: ActiveOperation, seen: Seen): OperationProgress {
  const closing = allEngines(pool).filter(({ replica, closing: order }) => order !== null && isAbout(pool, operation, replica));
  const deadlines = closing.flatMap(({ closing: order }) => order?.deadlineMs ?? []);
  const trying = operation.id === pool.rollout?.operationId ? pool.rollout.units.find(({ step }) => step === 'trying') : undefined;
  return {
    leasesLeft: closing.reduce((sum, { seats }) => sum + takenOf(seats), 0),
    deadlineAt: deadlines.length === 0 ? null : stampOf(seen, Math.min(...deadlines)),
    candidate: trying?.candidate == null ? null : `${engineId({ pool: pool.name, replica: trying.replica })}#${trying.candidate}`,
  };
}

const DONE: Readonly<Record<OperationKind, string>> = {
  start: 'started',
  stop: 'stopped',
  restart: 'restarted',
  drain: 'drained',
  pause: 'paused',
  resume: 'resumed',
  reload: 'reloaded',
  scale: 'scaled',
  retry: 'started',
  reset: 'reset',
  signal: 'signalled',
};

function verdictOf(turn: Turn, operation: ActiveOperation): Verdict {
  if (turn.state.rolling?.operationId === operation.id) return rollingVerdict(turn, operation);
  // These end themselves: see `rollout/finish-state.ts` and `scale-state.ts`.
  if ([turn.state.rollout?.operationId, turn.state.waitingReload?.operationId, turn.state.waitingScale?.operationId].includes(operation.id))
    return { is: 'running' };
  const stops = stopsVerdict(turn, operation);
  if (stops !== null) return stops;
  const starts = startsVerdict(turn, operation);
  if (starts !== null) return starts;
  const forced = operation.forced && (operation.kind === 'stop' || operation.kind === 'drain');
  return { is: 'succeeded', outcome: forced ? 'forced' : DONE[operation.kind] };
}

/** Null when nothing lives any more of what is to go. */
function stopsVerdict(turn: Turn, operation: ActiveOperation): Verdict | null {
  for (const replica of operation.stops) {
    const engine = engineIn(turn.state, replica);
    const others = turn.state.others.filter((other) => other.replica === replica);
    const stuck = [engine, ...others].find((one) => one?.phase.is === 'stuck');
    if (stuck !== undefined) return stuckStop(turn, operation, stuck);
    if (others.length > 0) return { is: 'running' };
    if (engine === undefined || !isLive(engine)) continue;
    // Another file, say, has it run again.
    if (isWanted(turn.state, engine)) return { is: 'cancelled', message: `${idOf(turn, engine)} is wanted again` };
    return { is: 'running' };
  }
  return null;
}

/** Null when all that was to come is there. */
function startsVerdict(turn: Turn, operation: ActiveOperation): Verdict | null {
  let waiting = false;
  for (const target of operation.starts) {
    const verdict = startVerdict(turn, target);
    if (verdict.is === 'running') waiting = true;
    else if (verdict.is !== 'succeeded') return saying(operation, verdict);
  }
  return waiting ? { is: 'running' } : null;
}

/** A failure's sentence begins with what could not be done. */
function saying(operation: ActiveOperation, verdict: Verdict): Verdict {
  return verdict.is === 'failed' ? { ...verdict, message: `cannot ${operation.kind} ${verdict.message}` } : verdict;
}

function stuckStop(turn: Turn, operation: ActiveOperation, engine: EngineState): Verdict {
  const why =
    engine.phase.is === 'stuck' && engine.phase.why === 'unproven' ? 'it cannot be proved to be ours' : 'it was killed and is still there';
  const message = `${idOf(turn, engine)}: ${why}; poolctl reset ${turn.state.name} --forget lets go of it`;
  return saying(operation, { is: 'failed', outcome: null, code: 'conflict', message });
}

/** A restart is over when the last engine is done, or with the first that fails. */
function rollingVerdict(turn: Turn, operation: ActiveOperation): Verdict {
  const current = turn.state.rolling?.current ?? null;
  if (current === null) return { is: 'running' };
  const verdict = startVerdict(turn, { replica: current.replica, after: current.old });
  if (verdict.is === 'failed') return saying(operation, { ...verdict, outcome: 'failed' });
  return verdict.is === 'cancelled' ? verdict : { is: 'running' };
}

/** What has become of the first generation later than `after`. */
export function startVerdict(turn: Turn, target: { readonly replica: number; readonly after: number }): Verdict {
  const engine = engineIn(turn.state, target.replica);
  if (engine === undefined) return { is: 'running' };
  if (!isWanted(turn.state, engine)) return { is: 'cancelled', message: `${idOf(turn, engine)} is not wanted any more` };
  const { phase } = engine;
  // What is stuck may be so for ever: nobody is kept waiting for it.
  if (phase.is === 'stuck')
    return { is: 'failed', outcome: null, code: 'conflict', message: `${idOf(turn, engine)} is stuck: nothing is started beside it` };
  if (engine.generation <= target.after) return { is: 'running' };
  if (phase.is === 'ready' || phase.is === 'unready') return { is: 'succeeded', outcome: 'started' };
  if (isLive(engine)) return { is: 'running' };
  return failedStart(turn, engine);
}

function failedStart(turn: Turn, engine: EngineState): Verdict {
  const last = engine.lastExit;
  const id = idOf(turn, engine);
  const message = `${id}: ${last === null ? 'it was taken back' : startFault(id, last.message)}`;
  switch (last?.class) {
    case 'start_timeout':
      return { is: 'failed', outcome: null, code: 'start_timeout', message };
    case 'unhealthy':
      return { is: 'failed', outcome: null, code: 'health_check_failed', message };
    default:
      return { is: 'failed', outcome: null, code: 'spawn_failed', message };
  }
}

function idOf(turn: Turn, engine: EngineState): string {
  return engineId({ pool: turn.state.name, replica: engine.replica });
}
