/**
 * What is due by now, after any event, in the order of the deciders in product.md: timers and leases whose time is over; what a person or the shutdown
 * ends; a reload, and the reload, restart or scale that had waited for it or for a drain; the breakers; then starts, by limiter, back-off and the wanted
 * replicas. So a breaker whose time is over finds missing what a scale adds in this very turn, and does not close as if nothing was.
 */
import { hopelessRefused, promoted, ticketsExpired } from '../admission/queue-state.ts';
import type { PoolSpec } from '../config/spec.ts';
import type { EngineState } from '../engine/engine-state.ts';
import { isLive, livePhase, startEndsMs } from '../engine/engine-state.ts';
import type { Health } from '../engine/samples-state.ts';
import { healthOf } from '../engine/samples-state.ts';
import { reportedUntilMs } from '../lease/reports-state.ts';
import { allLeasesEnded, leasesExpired } from '../lease/seats-state.ts';
import { waitingReloadActed } from '../rollout/reload-commands-state.ts';
import { rolloutAdvanced } from '../rollout/rollout-state.ts';
import { breakersAdvanced } from './canary-state.ts';
import type { ClosingOrder } from './closings-state.ts';
import { closingsSettled, engineClosed } from './closings-state.ts';
import { poolDrainSettled } from './drain-state.ts';
import { killTimeElapsed, stopTold } from './endings-state.ts';
import { backoffAnnounced, succeeded } from './failures-state.ts';
import { dueAtMs, gatesAt } from './gates-state.ts';
import { missed } from './held-up-state.ts';
import { nextLeaseDueMs } from './lease-due-state.ts';
import { levelAnnounced } from './restarts-state.ts';
import { rollingAdvanced } from './rolling-state.ts';
import { waitingScaleActed } from './scale-state.ts';
import { startsAsked } from './start-commands-state.ts';
import { becameReady, startBegun } from './starts-state.ts';
import type { Turn } from './turn.ts';
import { allEngines, currentSpec, emit, engineAt, engineIn, put, putRun, specOf } from './turn.ts';
import { isWanted, mayStart, poolIsWanted, wantedReplicas } from './wanted-state.ts';

/** At SIGTERM nobody is waited for longer than this, whatever the pool's own deadline. product.md, "Who decides". */
export const SHUTDOWN_DEADLINE_MS = 90_000;

/** More is never needed: a drain that is over lets a reload begin, and that may find nothing to do. */
const ROUNDS_MAX = 5;

/**
 * ORDER: what the end or the turning back of a drain or a reload, or a scale that had waited, brings about is decided in the same turn; nothing else
 * would wake the pool for it.
 */
export function settled(turn: Turn): void {
  if (turn.state.restoring) return;
  for (let rounds = 0; rounds < ROUNDS_MAX; rounds += 1) {
    const { drain, rollout, replicas } = turn.state;
    settledOnce(turn);
    if (turn.state.drain === drain && turn.state.rollout === rollout && turn.state.replicas === replicas) break;
  }
  const { leaseDueMs } = turn.state;
  if (turn.env.nowMs >= leaseDueMs) turn.state = { ...turn.state, leaseDueMs: nextLeaseDueMs(turn.state) };
}

function settledOnce(turn: Turn): void {
  for (const engine of allEngines(turn.state)) timersElapsed(turn, engine);
  timeOfLeases(turn);
  for (const engine of turn.state.engines) if (!isWanted(turn.state, engine)) unwantedEnded(turn, engine);
  // Candidates go too, and what is retiring has no more time than the others.
  if (turn.state.shuttingDown) for (const other of turn.state.others) wayOut(turn, other);
  closingsSettled(turn);
  poolDrainSettled(turn);
  levelAnnounced(turn);
  shownCountReset(turn);
  if (turn.state.shuttingDown) rolloutAdvanced(turn);
  else startsSettled(turn);
  leasesSettled(turn);
}

function startsSettled(turn: Turn): void {
  rolloutAdvanced(turn);
  rollingAdvanced(turn);
  waitingReloadActed(turn);
  rolloutAdvanced(turn);
  waitingScaleActed(turn);
  // ORDER: a reload and a person outrank the breakers, and what they let go of in this turn, or add, may be the canary.
  breakersAdvanced(turn);
  rollingAdvanced(turn);
  startsAsked(turn);
  startsDecided(turn);
  specsForgotten(turn);
}

function timeOfLeases(turn: Turn): void {
  if (turn.env.nowMs < turn.state.leaseDueMs) return;
  leasesExpired(turn);
  ticketsExpired(turn);
}

/** ORDER: the leases of what has ended end first, then whoever waits is promoted to what is free, and only then is it clear who waits for nothing. */
function leasesSettled(turn: Turn): void {
  for (const engine of allEngines(turn.state)) {
    const { phase } = engine;
    if (phase.is === 'ready' || phase.is === 'unready' || !engine.seats.some((lease) => lease !== null)) continue;
    allLeasesEnded(turn, engine, 'engine_lost', `${turn.state.name}/${engine.replica} ${lossText(phase)}`);
  }
  promoted(turn);
  hopelessRefused(turn);
  // Whoever was waited for is gone from the queue by now.
  closingsSettled(turn);
}

/** What a holder is told of the engine that it has no more: why that was ended, or what was seen of its end. */
function lossText(phase: EngineState['phase']): string {
  if (!('run' in phase)) return 'has ended';
  const { endReason, exit } = phase.run;
  if (endReason !== null) return `was ended by poold: ${endReason}`;
  if (phase.is === 'stuck') return `cannot be used: ${phase.why}`;
  return `has ended by itself: ${exit === null ? 'nobody has seen how' : (exit.signal ?? `exit code ${exit.code ?? 'unknown'}`)}`;
}

/** Times are compared as the sums that `dueMs` tells: a difference of fractions can come out below the same span. */
function timersElapsed(turn: Turn, engine: EngineState): void {
  killTimeElapsed(turn, engine);
  const { phase } = engine;
  const { nowMs } = turn.env;
  if (phase.is === 'starting') startTimeElapsed(turn, engine);
  if (phase.is === 'unready') reportForgotten(turn, engine);
  if (phase.is !== 'ready' || engine.role !== 'serving') return;
  const { readySinceMs } = phase.run;
  const spec = currentSpec(turn.state);
  if (readySinceMs === null) return;
  if (!phase.run.succeeded && nowMs >= readySinceMs + spec.breaker.successAfterMs) succeeded(turn, engine);
  const proven = engineAt(turn, engine.replica);
  if (proven.backoffRow > 0 && nowMs >= readySinceMs + spec.backoff.resetAfterMs) put(turn, { ...proven, backoffRow: 0 });
}

function startTimeElapsed(turn: Turn, engine: EngineState): void {
  const live = livePhase(engine);
  if (live?.is !== 'starting' || live.run.spawnedMs === null) return;
  const spec = specOf(turn.state, live.run.specId);
  const { nowMs } = turn.env;
  if (isUnprobed(spec) && nowMs >= live.run.spawnedMs + spec.readyAfterMs) becameReady(turn, engine);
  else startEnded(turn, engine, startEndsMs(live.run, spec.startTimeoutMs));
}

/** Not before it could be asked: the answers of one that was asked long ago may lie there unread. */
function startEnded(turn: Turn, engine: EngineState, endsMs: number): void {
  const { nowMs } = turn.env;
  if (nowMs < endsMs) return;
  if (missed(endsMs, nowMs) && livePhase(engine)?.run.askableMs === null) putRun(turn, engine, { askableMs: nowMs });
  else stopTold(turn, engine, 'start_timeout');
}

/** It was kept out for what its holders had said of it: now its probes count again. */
function reportForgotten(turn: Turn, engine: EngineState): void {
  const { phase } = engine;
  if (phase.is !== 'unready' || phase.why !== 'reported' || turn.env.nowMs < reportedUntilMs(engine)) return;
  const { probes } = specOf(turn.state, phase.run.specId);
  const probed = put(turn, { ...engine, reports: [], phase: { ...phase, why: 'readiness' } });
  if (healthOf(phase.run.samples, probes) === 'ready') becameReady(turn, probed);
}

function isUnprobed(spec: PoolSpec): boolean {
  return spec.probes.startup === null && spec.probes.readiness === null;
}

/** Nobody who uses it is cut off before the deadline. A start that was due is called off too. At a shutdown it stays due: the next daemon goes on with it. */
function unwantedEnded(turn: Turn, engine: EngineState): void {
  if (isLive(engine)) wayOut(turn, engine);
  const due = engine.phase.is === 'backoff' || engine.phase.is === 'failed' || engine.phase.is === 'ended';
  if (due && !turn.state.shuttingDown) put(turn, { ...engine, phase: { is: 'idle' } });
}

/** Nobody calls a reload off any more once its engine is not wanted, and at a shutdown nobody has more time than that leaves. */
function wayOut(turn: Turn, engine: EngineState): void {
  const order = unwantedOrder(turn);
  const { closing } = engine;
  const later = closing !== null && turn.state.shuttingDown && closing.deadlineMs > order.deadlineMs;
  if (closing === null || closing.for === 'rollout' || later) engineClosed(turn, engine, order);
}

function unwantedOrder(turn: Turn): ClosingOrder {
  const { drain, shuttingDown } = turn.state;
  const { nowMs } = turn.env;
  const { deadlineMs } = currentSpec(turn.state).drain;
  const ownMs = nowMs + (shuttingDown ? Math.min(deadlineMs, SHUTDOWN_DEADLINE_MS) : deadlineMs);
  return {
    for: 'unwanted',
    deadlineMs: drain === null ? ownMs : Math.min(ownMs, drain.deadlineMs),
    takesQueue: drain?.kind === 'drain',
    atDeadline: 'forced',
  };
}

/** A probe's raw result: thresholds decide, here and nowhere else. */
export function probeSampled(turn: Turn, engine: EngineState, health: Health): void {
  const live = livePhase(engine);
  if (live === null) return;
  switch (live.is) {
    case 'starting':
      if (live.step === 'probing' && health === 'ready' && !isUnprobed(specOf(turn.state, live.run.specId))) becameReady(turn, engine);
      return;
    case 'ready':
      if (health === 'unhealthy') stopTold(turn, engine, 'unhealthy');
      else if (health === 'unready') becameUnready(turn, engine);
      return;
    case 'unready':
      if (health === 'unhealthy') stopTold(turn, engine, 'unhealthy');
      else if (health === 'ready' && turn.env.nowMs >= reportedUntilMs(engine)) becameReady(turn, engine);
      return;
    case 'stopping':
    case 'stuck':
      return;
    default:
      live satisfies never;
  }
}

function becameUnready(turn: Turn, engine: EngineState): void {
  const live = livePhase(engine);
  if (live === null) return;
  const why = live.run.samples.stalled ? 'stalled' : 'readiness';
  const unready = put(turn, { ...engine, phase: { is: 'unready', why, run: { ...live.run, readySinceMs: null } } });
  emit(turn, 'engine.unready', { reason: why, message: live.run.samples.message }, unready);
}

/** First starts of what is wanted and never failed; restarts in the order in which they are due. */
function startsDecided(turn: Turn): void {
  if (!poolIsWanted(turn.state)) return;
  for (const replica of wantedReplicas(turn.state)) {
    const engine = engineAt(turn, replica);
    if (engine.phase.is !== 'idle' || !mayStart(turn.state, engine)) continue;
    if (turn.state.breaker.is === 'closed' && engine.breaker.is === 'closed') startBegun(turn, engine, 'first');
    else {
      const phase = { is: 'backoff', why: 'failure', cause: 'first', dueMs: turn.env.nowMs, delayMs: 0 } as const;
      backoffAnnounced(turn, put(turn, { ...engine, phase }));
    }
  }
  const waiting = turn.state.engines.filter((engine) => engine.phase.is === 'backoff' && mayStart(turn.state, engine));
  if (waiting.length === 0) return;
  const gates = gatesAt(turn.state, turn.env.nowMs);
  for (const engine of waiting.toSorted((one, other) => dueAtMs(one) - dueAtMs(other) || one.replica - other.replica)) {
    if (engine.phase.is === 'backoff' && gates.of(engine).is === 'free') startBegun(turn, engine, engine.phase.cause);
  }
}

/** The shown count returns to 0 when all that is wanted has been stable for `restartLimit.resetAfter`; the limiter's log is not touched. */
function shownCountReset(turn: Turn): void {
  if (turn.state.restartCount > 0 && turn.env.nowMs >= stableAtMs(turn.state)) turn.state = { ...turn.state, restartCount: 0 };
}

/** When the shown count is due to return to 0; Infinity while something wanted is not ready. */
export function stableAtMs(state: Turn['state']): number {
  const wanted = wantedReplicas(state);
  let lastMs = wanted.length === 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  for (const replica of wanted) {
    const phase = engineIn(state, replica)?.phase;
    lastMs = Math.max(lastMs, (phase?.is === 'ready' ? phase.run.readySinceMs : null) ?? Number.POSITIVE_INFINITY);
  }
  return lastMs + currentSpec(state).restartLimit.resetAfterMs;
}

/** Old specs go with the last generation that was started by them. */
function specsForgotten(turn: Turn): void {
  const { specs, specId, rollout, waitingReload } = turn.state;
  if (Object.keys(specs).length === 1) return;
  const ways = waitingReload?.to.map((way) => way.specId) ?? [];
  const used = new Set<string | null | undefined>([specId, rollout?.fromSpecId, rollout?.toSpecId, ...ways]);
  for (const engine of allEngines(turn.state)) used.add(livePhase(engine)?.run.specId).add(engine.specId);
  const kept = Object.entries(specs).filter(([id]) => used.has(id));
  if (kept.length < Object.keys(specs).length) turn.state = { ...turn.state, specs: Object.fromEntries(kept) };
}
