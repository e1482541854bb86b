/** What the end of a generation counts for: product.md, table A, "Back-off" and the three counters. The one place where rows and counts rise. */
import type { BackoffWhy, EngineState, Exit, Phase, Run, StartCause } from '../engine/engine-state.ts';
import { livePhase } from '../engine/engine-state.ts';
import { engineId } from '../engine/identity.ts';
import { backoffDelayMs, blockedDelayMs } from '../policy/backoff.ts';
import { closed, opened, trialFailed } from '../policy/breaker.ts';
import type { StartFailure } from '../policy/crash-class.ts';
import { crashClass, isFailure, verdict } from '../policy/crash-class.ts';
import { candidateEnded } from '../rollout/failed-state.ts';
import { stamp } from '../stamp.ts';
import {
  ANY,
  breakerClosed,
  breakerOpenAnnounced,
  canaryFailed,
  canaryLeft,
  classState,
  isCanary,
  putBreaker,
  putClass,
} from './breakers-state.ts';
import { engineDrainEnded } from './drain-state.ts';
import { describeEnd } from './end-message.ts';
import type { HistoryEntry } from './host.ts';
import { stepped } from './operation-state.ts';
import { leftBeside } from './others-state.ts';
import type { Evidence } from './pool-events.ts';
import { isAutomaticRestart } from './restarts-state.ts';
import type { Turn } from './turn.ts';
import { currentSpec, emit, put, refOf, specOf, stampOf } from './turn.ts';

const NO_EVIDENCE: Evidence = { oomKilled: false, patternClass: null, matchedLine: null, lastLines: [] };

/** A generation that never had a process. */
export function startEnded(turn: Turn, engine: EngineState, failure: { readonly class: StartFailure; readonly message: string }): void {
  const live = livePhase(engine);
  if (live === null) return;
  const klass = live.run.endReason ?? failure.class;
  const exit: Exit = { code: null, signal: null, atMs: turn.env.wallMs, seen: 'event', spawnFailure: null };
  concluded(turn, engine, { run: live.run, klass, exit, evidence: NO_EVIDENCE, message: failure.message });
}

/** A generation whose process tree is gone. */
export function generationEnded(turn: Turn, engine: EngineState, evidence: Evidence): void {
  const live = livePhase(engine);
  if (live === null) return;
  const { run } = live;
  const exit = run.exit ?? { code: null, signal: null, atMs: turn.env.wallMs, seen: 'check' as const, spawnFailure: null };
  const wasReady = run.firstReadyMs !== null;
  const failedExec = run.endReason === null ? exit.spawnFailure : null;
  const klass = failedExec === null ? crashClass({ ...exit, ...evidence, reason: run.endReason, wasReady }) : 'spawn_failed';
  const message = failedExec ?? describeEnd({ run, exit, klass, evidence });
  concluded(turn, engine, { run, klass, exit, evidence, message });
}

/** The host went down and took it along: nobody's failure. */
export function rebootEnded(turn: Turn, engine: EngineState): void {
  const live = livePhase(engine);
  if (live === null) return;
  const exit: Exit = { code: null, signal: null, atMs: turn.env.wallMs, seen: 'adoption', spawnFailure: null };
  concluded(turn, engine, { run: live.run, klass: 'requested', exit, evidence: NO_EVIDENCE, message: 'ended with the reboot of the host' });
}

/** Ready without a break for `successAfter`: the row begins anew, and what waited for this engine's proof is closed. */
export function succeeded(turn: Turn, engine: EngineState): void {
  const live = livePhase(engine);
  if (live === null) return;
  const breaker = closed(engine.breaker, turn.env.nowMs);
  const proven = put(turn, { ...engine, row: 0, blockedRow: 0, breaker, phase: { ...live, run: { ...live.run, succeeded: true } } });
  if (breaker !== engine.breaker) emit(turn, 'breaker.closed', { class: ANY }, proven);
  const proves = live.run.cause === 'retry';
  const name = turn.state.canary?.of;
  const wasCanary = isCanary(turn.state, engine);
  if (proves || (wasCanary && name === ANY)) breakerClosed(turn, ANY);
  const last = engine.lastFailureClass;
  if (last === null || turn.state.classes[last] === undefined) return;
  putClass(turn, last, { row: 0 });
  if (proves || (wasCanary && name === last)) breakerClosed(turn, last);
}

interface Conclusion {
  readonly run: Run;
  readonly klass: string;
  readonly exit: Exit;
  readonly evidence: Evidence;
  readonly message: string;
}

function concluded(turn: Turn, engine: EngineState, end: Conclusion): void {
  const spec = currentSpec(turn.state);
  const decided = verdict(end.klass, spec.restart);
  // Neither the end of a candidate nor that of a retiring engine counts for anything.
  const failure = engine.role === 'serving' && isFailure(end.klass, spec.restart);
  const entry = entryOf(turn, engine, { ...end, failure });
  const { class: _class, ...rest } = entry;
  const lastExit = {
    class: end.klass,
    code: rest.code,
    signal: rest.signal,
    at: rest.at,
    uptimeMs: rest.uptimeMs,
    readyMs: rest.readyMs,
    message: rest.message,
  };
  const ref = refOf(turn, engine);
  turn.effects.push({ do: 'record', entry }, { do: 'releaseDevice', ref }, { do: 'release', ref });
  engineDrainEnded(turn, engine, end.run.cut ? 'forced' : 'drained');
  if (failure) turn.state = { ...turn.state, crashCount: turn.state.crashCount + 1 };
  if (engine.role !== 'serving') return otherConcluded(turn, { ...engine, lastExit }, { entry, failure, seen: end.exit.seen });
  if (failure) turn.state = { ...turn.state, lastError: `${engineId(ref)}: ${end.message}` };
  const ended = { ...engine, lastExit, closing: null, reports: [] };
  exitAnnounced(turn, ended, { entry, failure, seen: end.exit.seen });
  stepped(turn, engine.replica, `${engineId(ref)} has ended: ${end.message}`);
  switch (decided) {
    case 'as_wanted':
      canaryLeft(turn, engine);
      put(turn, { ...ended, phase: { is: 'idle' } });
      emit(turn, 'engine.stopped', { reason: 'requested' }, ended);
      return;
    case 'stopped':
      canaryLeft(turn, engine);
      put(turn, { ...ended, phase: { is: 'ended' } });
      emit(turn, 'engine.stopped', { reason: 'clean' }, ended);
      return;
    case 'blocked':
    case 'starved':
      canaryLeft(turn, engine);
      blocked(turn, ended, { ...end, why: decided });
      return;
    case 'failed':
    case 'restart':
      failed(turn, ended, end);
      if (spec.onExit !== null) turn.effects.push({ do: 'onExit', entry });
  }
}

/** A candidate has had its one start, a retiring engine was on its way out: neither counts for a row, a breaker or a restart. */
function otherConcluded(
  turn: Turn,
  engine: EngineState,
  told: { readonly entry: HistoryEntry; readonly failure: boolean; readonly seen: Exit['seen'] },
): void {
  exitAnnounced(turn, engine, told);
  stepped(
    turn,
    engine.replica,
    `the ${engine.role} generation ${engine.generation} of ${told.entry.engine} has ended: ${told.entry.message}`,
  );
  leftBeside(turn, engine);
  if (engine.role === 'candidate') candidateEnded(turn, engine, told.entry);
}

function failed(turn: Turn, engine: EngineState, end: Conclusion): void {
  const spec = currentSpec(turn.state);
  const counted = classCounted(turn, engine, end.klass);
  const half = engine.breaker.is === 'half_open';
  const row = counted ? engine.row : engine.row + 1;
  const backoffRow = engine.backoffRow + 1;
  const breaker = half
    ? trialFailed(engine.breaker, spec.breaker, turn.env.nowMs)
    : row >= spec.breaker.failureThreshold
      ? opened(engine.breaker, spec.breaker, turn.env.nowMs)
      : engine.breaker;
  const delayMs = backoffDelayMs(spec.backoff, { failures: backoffRow, crashClass: end.klass, random: turn.env.random() });
  const phase: Phase =
    spec.restart === 'never'
      ? { is: 'failed' }
      : { is: 'backoff', why: 'failure', cause: 'restart', dueMs: turn.env.nowMs + delayMs, delayMs };
  const next = put(turn, { ...engine, row, backoffRow, blockedRow: 0, breaker, lastFailureClass: end.klass, phase });
  if (breaker !== engine.breaker) breakerOpenAnnounced(turn, breaker, { class: ANY }, next);
  canaryFailed(turn, engine);
  if (phase.is === 'failed') emit(turn, 'engine.failed', { class: end.klass, message: end.message, failureCount: backoffRow }, next);
  else backoffAnnounced(turn, next);
}

/** Counts a failure for its class's own breaker, where it has one. False where it has none: then it counts for the engine's row. */
function classCounted(turn: Turn, engine: EngineState, klass: string): boolean {
  const spec = currentSpec(turn.state).breaker;
  const own = Object.hasOwn(spec.classes, klass) ? spec.classes[klass] : undefined;
  if (own === undefined) return false;
  const row = classState(turn, klass).row + 1;
  putClass(turn, klass, { row });
  const { breaker } = classState(turn, klass);
  if (row >= own.failureThreshold && breaker.is === 'closed') {
    const open = opened(breaker, spec, turn.env.nowMs);
    putBreaker(turn, klass, open);
    breakerOpenAnnounced(turn, open, { class: klass }, engine);
  }
  return true;
}

/** Not the engine's fault: it is asked again, and nothing is counted. With another port to choose the first time it is asked at once. */
function blocked(turn: Turn, engine: EngineState, end: Conclusion & { readonly why: Exclude<BackoffWhy, 'failure'> }): void {
  const spec = currentSpec(turn.state);
  const blockedRow = engine.blockedRow + 1;
  const elsewhere = end.klass === 'port_busy' && spec.engine.port === 'auto';
  const delayMs =
    end.why === 'starved'
      ? backoffDelayMs(spec.backoff, { failures: blockedRow, crashClass: end.klass, random: turn.env.random() })
      : elsewhere && blockedRow === 1
        ? 0
        : blockedDelayMs(elsewhere ? blockedRow - 1 : blockedRow);
  const cause = causeAgain(engine, end.run);
  if (elsewhere) turn.effects.push({ do: 'releasePort', replica: engine.replica, side: engine.side });
  const next = put(turn, {
    ...engine,
    blockedRow,
    port: elsewhere ? null : engine.port,
    phase: { is: 'backoff', why: end.why, cause, dueMs: turn.env.nowMs + delayMs, delayMs },
  });
  if (end.why === 'starved') emit(turn, 'daemon.starved', { message: end.message }, next);
  backoffAnnounced(turn, next);
}

/**
 * A restart that had not come to its spawn is still to be counted, and so is that of a canary which has to give its role away, or of a breaker's one
 * try when a reset has closed that breaker meanwhile; anything else is asked again as a first start, behind the breakers.
 */
export function causeAgain(engine: EngineState, run: Run): StartCause {
  const beforeSpawn = engine.phase.is === 'starting' && engine.phase.step !== 'spawning' && run.spawnedMs === null;
  if (beforeSpawn && isAutomaticRestart(run.cause)) return run.cause;
  if (engine.breaker.is === 'half_open') return 'trial';
  const tried = run.cause === 'canary' || run.cause === 'trial';
  return tried && engine.lastFailureClass !== null ? 'recovery' : 'first';
}

export function backoffAnnounced(turn: Turn, engine: EngineState): void {
  if (engine.phase.is !== 'backoff') return;
  const { delayMs, dueMs, why } = engine.phase;
  const reason = why === 'failure' ? (engine.lastFailureClass ?? 'unknown') : why;
  const nextStartMs = engine.breaker.is === 'open' ? engine.breaker.untilMs : dueMs;
  emit(
    turn,
    'engine.backoff',
    { reason, delayMs: Math.round(delayMs), nextStartAt: stampOf(turn.env, nextStartMs), failureCount: engine.backoffRow },
    engine,
  );
}

function entryOf(turn: Turn, engine: EngineState, end: Conclusion & { readonly failure: boolean }): HistoryEntry {
  const { run, exit, klass, evidence } = end;
  const { nowMs } = turn.env;
  return {
    pool: turn.state.name,
    engine: engineId({ pool: turn.state.name, replica: engine.replica }),
    generation: engine.generation,
    class: klass,
    code: exit.code,
    signal: exit.signal,
    at: stamp(exit.atMs),
    uptimeMs: run.spawnedMs === null ? 0 : Math.round(Math.max(0, nowMs - run.spawnedMs - Math.max(0, turn.env.wallMs - exit.atMs))),
    readyMs: run.firstReadyMs === null || run.spawnedMs === null ? null : Math.round(run.firstReadyMs - run.spawnedMs),
    message: end.message,
    startedAt: stamp(run.startedAtMs),
    version: specOf(turn.state, run.specId).engine.version,
    failure: end.failure,
    matchedLine: evidence.matchedLine,
    lastLines: evidence.lastLines,
    onExit: null,
  };
}

function exitAnnounced(
  turn: Turn,
  engine: EngineState,
  told: { readonly entry: HistoryEntry; readonly failure: boolean; readonly seen: Exit['seen'] },
): void {
  const { class: klass, code, signal, uptimeMs, readyMs, message, matchedLine, version } = told.entry;
  emit(
    turn,
    'engine.exited',
    {
      class: klass,
      code,
      signal,
      uptimeMs,
      readyMs,
      message,
      matchedLine,
      failure: told.failure,
      seen: told.seen,
      engineVersion: version,
      crashCount: turn.state.crashCount,
    },
    engine,
  );
}
