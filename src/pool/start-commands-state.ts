/** A person's `start` and `retry`: past back-off and limiter; only `retry`, one start, passes an open breaker. product.md, "Who decides". */
import type { EngineState, Hold } from '../engine/engine-state.ts';
import { isLive } from '../engine/engine-state.ts';
import { isBeingReplaced } from '../rollout/replaced-state.ts';
import type { Given } from './begun-state.ts';
import { begun, holdPut, subjectOf, targetsOf } from './begun-state.ts';
import { ANY, canaryCandidates } from './breakers-state.ts';
import { poolDrainEnded } from './drain-state.ts';
import { backoffAnnounced } from './failures-state.ts';
import { operationStepped } from './operation-state.ts';
import type { PoolState } from './pool-state.ts';
import { startBegun } from './starts-state.ts';
import type { OperationKind } from './status.ts';
import type { Turn } from './turn.ts';
import { currentSpec, engineAt, engineIn, put } from './turn.ts';
import { mayStart, replicasOf } from './wanted-state.ts';

export function startTold(turn: Turn, given: Given, replica: number | null): void {
  const drained = replica === null ? drainedAlone(turn.state) : [];
  startWanted(turn, given.stamp, replica, drained);
  const targets = targetsOf(turn.state, replica).filter((target) => !drained.includes(target));
  begun(turn, given, { starts: startsOf(turn, targets) });
  const ids = drained.map((one) => subjectOf(turn.state, one));
  for (const id of ids) operationStepped(turn, given.operationId, `${id} stays drained; poolctl resume ${id} starts it`);
}

/** Engines that were drained one by one: a start of the pool leaves them out of service, as only `resume` takes a drain back. */
export function drainedAlone(state: PoolState): readonly number[] {
  return replicasOf(state).filter((replica) => engineIn(state, replica)?.held?.as === 'drained');
}

/** The generations to wait for: of each replica that is not ready a later one than any it has had before. */
export function startsOf(turn: Turn, targets: readonly number[]): { readonly replica: number; readonly after: number }[] {
  return targets.flatMap((replica) => {
    const engine = engineAt(turn, replica);
    if (engine.phase.is === 'ready') return [];
    return [{ replica, after: isLive(engine) && engine.phase.is !== 'stopping' ? engine.generation - 1 : engine.generation }];
  });
}

/** Starts what a person has asked to be started and what is not there, now or when the old generation has ended: past back-off and limiter. */
export function startsAsked(turn: Turn): void {
  for (const { kind, replica, after } of asked(turn.state)) {
    const engine = engineAt(turn, replica);
    if (isLive(engine) || engine.generation !== after || !mayStart(turn.state, engine)) continue;
    const left = engine.phase.is === 'failed' || engine.phase.is === 'ended';
    // What a scale adds starts by itself, but for one that was taken back on its way out and is left so by its end.
    if (kind === 'scale' && !left) continue;
    if (kind === 'retry') startBegun(turn, engine, 'retry');
    else if (engine.breaker.is === 'closed' && turn.state.breaker.is === 'closed') startBegun(turn, engine, 'manual');
    else if (left) heldBack(turn, engine);
  }
}

/** The generations that somebody waits to be followed by another. */
function asked({ operations, rolling }: PoolState): { readonly kind: OperationKind; readonly replica: number; readonly after: number }[] {
  const starts = operations.flatMap(({ kind, starts: targets }) =>
    STARTING.has(kind) ? targets.map(({ replica, after }) => ({ kind, replica, after })) : [],
  );
  return rolling?.current == null ? starts : [...starts, { kind: 'restart', replica: rolling.current.replica, after: rolling.current.old }];
}

const STARTING: ReadonlySet<OperationKind> = new Set(['start', 'resume', 'retry', 'scale']);

function startWanted(turn: Turn, stamp: Given['stamp'], replica: number | null, drained: readonly number[]): void {
  if (replica !== null && turn.state.wanted.state === 'running') {
    holdPut(turn, replica, null);
    return;
  }
  poolRuns(turn, stamp);
  // Starting one engine of a stopped pool leaves its others stopped.
  const others: Hold = { ...stamp, as: 'stopped' };
  for (const other of replicasOf(turn.state)) {
    if (!drained.includes(other)) holdPut(turn, other, replica === null || other === replica ? null : others);
  }
}

/** The pool is wanted again: a drain or stop that is under way is over. */
export function poolRuns(turn: Turn, stamp: Given['stamp']): void {
  const override = currentSpec(turn.state).autostart ? null : stamp;
  turn.state = { ...turn.state, wanted: { state: 'running', override } };
  poolDrainEnded(turn, 'cancelled');
}

/** Wanted again, and behind a breaker: that starts it when its time has come. */
function heldBack(turn: Turn, engine: EngineState): void {
  const phase = { is: 'backoff', why: 'failure', cause: 'manual', dueMs: turn.env.nowMs, delayMs: 0 } as const;
  backoffAnnounced(turn, put(turn, { ...engine, phase }));
}

/** One start now, past everything. Of a pool: the engine that would be the canary. */
export function retryTold(turn: Turn, given: Given, replica: number | null): void {
  const target = replica ?? retryTarget(turn.state, turn.env.nowMs);
  if (target === null) {
    begun(turn, given, {});
    return;
  }
  const engine = engineAt(turn, target);
  begun(turn, given, { starts: isLive(engine) ? [] : [{ replica: target, after: engine.generation }] });
  // A reload's candidate is the start that was asked for; where it comes to nothing this one is made then.
  if (!isLive(engine) && !isBeingReplaced(turn.state, target)) startBegun(turn, engine, 'retry');
}

export function retryTarget(state: PoolState, nowMs: number, among = replicasOf(state)): number | null {
  const missing = state.engines.filter((engine) => mayStart(state, engine) && !isLive(engine));
  const [first] = [...canaryCandidates(state, ANY, nowMs), ...missing].filter(({ replica }) => among.includes(replica));
  return first?.replica ?? null;
}
