/**
 * A person's commands as operations: what each waits for, its steps, and how it ended. contract.md, "Operation outcomes".
 * They only watch: what is done to engines is decided elsewhere, so that an operation can be dropped without harm.
 */
import type { EngineState } from '../engine/engine-state.ts';
import { isLive } from '../engine/engine-state.ts';
import { engineId } from '../engine/identity.ts';
import type { Code } from '../errors.ts';
import type { ActiveOperation } from './pool-state.ts';
import type { Operation, OperationKind, OperationState } from './status.ts';
import type { Turn } from './turn.ts';
import { emit, engineIn, stamp } from './turn.ts';
import { isWanted } from './wanted-state.ts';

/** Steps kept of one operation. */
const STEPS_MAX = 200;

export type Verdict =
  | { readonly is: 'running' }
  | { readonly is: 'succeeded'; readonly outcome: string }
  | { readonly is: 'cancelled'; readonly message: string }
  | { readonly is: 'failed'; readonly outcome: string | null; readonly code: Code; readonly message: string };

/** Adds a line to every operation that is about the replica. */
export function stepped(turn: Turn, replica: number, text: string): void {
  if (turn.state.operations.length === 0) return;
  const about = (operation: ActiveOperation): boolean =>
    operation.stops.includes(replica) || operation.starts.some((target) => target.replica === replica);
  const step = { at: stamp(turn.env.wallMs), text };
  turn.state = {
    ...turn.state,
    operations: turn.state.operations.map((operation) =>
      about(operation) ? { ...operation, steps: [...operation.steps, step].slice(-STEPS_MAX) } : operation,
    ),
  };
}

export function operationForced(turn: Turn, replica: number): void {
  turn.state = {
    ...turn.state,
    operations: turn.state.operations.map((operation) => (operation.stops.includes(replica) ? { ...operation, forced: true } : operation)),
  };
}

/** Ends what is over: each operation exactly once, by what has become of its engines. */
export function operationsSettled(turn: Turn): void {
  for (const operation of turn.state.operations) {
    const verdict = verdictOf(turn, operation);
    if (verdict.is !== 'running') ended(turn, operation, verdict);
  }
}

/** Takes operations back that a newer command makes pointless. */
export function superseded(turn: Turn, replicas: readonly number[], kinds: readonly OperationKind[]): void {
  for (const operation of turn.state.operations) {
    const overlaps = replicas.some(
      (replica) => operation.stops.includes(replica) || operation.starts.some((target) => target.replica === replica),
    );
    if (kinds.includes(operation.kind) && overlaps) ended(turn, operation, { is: 'cancelled', message: 'a newer command took its place' });
  }
}

export function ended(turn: Turn, operation: ActiveOperation, verdict: Exclude<Verdict, { readonly is: 'running' }>): void {
  const shown = operationShown(turn.state.name, operation, { verdict, endedAtMs: turn.env.wallMs });
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
  pool: string,
  operation: ActiveOperation,
  end: { readonly verdict: Exclude<Verdict, { readonly is: 'running' }>; readonly endedAtMs: number } | null,
): Operation {
  const verdict = end?.verdict ?? null;
  const state: OperationState = verdict === null ? 'running' : verdict.is;
  const cancelled = verdict?.is === 'cancelled' ? { code: 'conflict' as const, message: verdict.message } : null;
  return {
    id: operation.id,
    kind: operation.kind,
    pool,
    state,
    outcome: verdict?.is === 'succeeded' || verdict?.is === 'failed' ? verdict.outcome : null,
    steps: operation.steps,
    progress: { leasesLeft: 0, deadlineAt: null },
    error: verdict?.is === 'failed' ? { code: verdict.code, message: verdict.message } : cancelled,
    by: operation.stamp.by,
    reason: operation.stamp.reason,
    startedAt: stamp(operation.stamp.atMs),
    endedAt: end === null ? null : stamp(end.endedAtMs),
  };
}

const DONE: Readonly<Record<OperationKind, string>> = {
  start: 'started',
  stop: 'stopped',
  restart: 'restarted',
  scale: 'scaled',
  retry: 'started',
  reset: 'reset',
  signal: 'signalled',
};

function verdictOf(turn: Turn, operation: ActiveOperation): Verdict {
  if (turn.state.rolling?.operationId === operation.id) return rollingVerdict(turn, operation);
  for (const replica of operation.stops) {
    const engine = engineIn(turn.state, replica);
    if (engine?.phase.is === 'stuck') return stuckStop(turn, operation, engine);
    if (engine === undefined || !isLive(engine)) continue;
    // Another file, say, has it run again.
    if (isWanted(turn.state, engine)) return { is: 'cancelled', message: `${idOf(turn, engine)} is wanted again` };
    return { is: 'running' };
  }
  let waiting = false;
  for (const target of operation.starts) {
    const verdict = startVerdict(turn, target);
    if (verdict.is === 'running') waiting = true;
    else if (verdict.is !== 'succeeded') return saying(operation, verdict);
  }
  if (waiting) return { is: 'running' };
  return { is: 'succeeded', outcome: operation.forced && operation.kind === 'stop' ? 'forced' : DONE[operation.kind] };
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
  const message = `${idOf(turn, engine)}: ${last?.message ?? 'it was taken back'}`;
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
