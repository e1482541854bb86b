/**
 * Engines on their way out: none is told to end while somebody uses it, before its deadline. product.md, "Drain and reload".
 * Users are the leases on it and, where the pool names one, the engine's own busy gauge as it was heard since the closing began.
 */
import { areCounted } from '../config/counted.ts';
import type { Closing, EngineState } from '../engine/engine-state.ts';
import { livePhase } from '../engine/engine-state.ts';
import { engineId } from '../engine/identity.ts';
import { leasesIn, takenOf, untold } from '../lease/lease-state.ts';
import { allLeasesEnded, holdersTold, inUseOf, leaseDueBy } from '../lease/seats-state.ts';
import { canGoBack, rolloutFailed } from '../rollout/failed-state.ts';
import { drainForced, engineDrainBegun, engineDrainEnded } from './drain-state.ts';
import { stopTold } from './endings-state.ts';
import { operationForced, stepped } from './operation-state.ts';
import type { Turn } from './turn.ts';
import { allEngines, currentSpec, generationIn, put, putRun, refOf, specOf, stampOf } from './turn.ts';
import { isWanted } from './wanted-state.ts';

/** No answer of the busy gauge in so many rounds: then it cannot be seen, and only leases are waited for. */
const UNHEARD_MAX = 3;

export type ClosingOrder = Omit<Closing, 'sinceMs' | 'inUse' | 'announced'>;

/** Begins it, or changes one that has begun: the earlier deadline holds unless `extend`. An engine that nobody can use yet ends at once. */
export function engineClosed(turn: Turn, engine: EngineState, order: ClosingOrder, extend = false): void {
  const live = livePhase(engine);
  if (live === null || live.is === 'stopping' || live.is === 'stuck') return;
  if (live.is === 'starting') return stopTold(turn, engine, 'requested');
  const { nowMs } = turn.env;
  const was = engine.closing;
  const deadlineMs = was === null || extend ? order.deadlineMs : Math.min(was.deadlineMs, order.deadlineMs);
  const closing: Closing = {
    ...order,
    deadlineMs,
    sinceMs: was?.sinceMs ?? nowMs,
    announced: was?.announced ?? turn.state.drain === null,
    inUse: was?.inUse ?? null,
  };
  // Whoever reckons with another deadline hears of this one at once.
  const seats = was === null || was.deadlineMs === deadlineMs ? engine.seats : untold(engine.seats);
  const known = put(turn, { ...engine, closing, seats });
  leaseDueBy(turn, deadlineMs);
  if (was === null) {
    const users = takenOf(engine.seats);
    const until = users === 0 ? '' : `, ${areCounted(users, 'lease')} held, at most until ${stampOf(turn.env, deadlineMs)}`;
    stepped(turn, engine.replica, `${idOf(turn, engine)} takes no new leases${until}`);
    engineDrainBegun(turn, known);
    if (specOf(turn.state, live.run.specId).inUse !== null) turn.effects.push({ do: 'askInUse', ref: refOf(turn, known) });
  }
  holdersTold(turn, known);
}

/** It stays after all; one that is ending already goes on to its end. */
export function engineReopened(turn: Turn, engine: EngineState): void {
  if (engine.closing === null || (engine.phase.is !== 'ready' && engine.phase.is !== 'unready')) return;
  engineDrainEnded(turn, engine, 'cancelled');
  put(turn, { ...engine, closing: null, seats: untold(engine.seats) });
  stepped(turn, engine.replica, `${idOf(turn, engine)} takes leases again`);
}

/** What its busy gauge says while it is closing. */
export function inUseHeard(turn: Turn, engine: EngineState): void {
  const { closing } = engine;
  const inUse = inUseOf(engine);
  if (closing !== null && inUse !== null && inUse !== closing.inUse) put(turn, { ...engine, closing: { ...closing, inUse } });
}

/** Ends those that nobody uses any more, and those whose deadline has come. */
export function closingsSettled(turn: Turn): void {
  for (const known of allEngines(turn.state)) {
    const engine = generationIn(turn.state, known);
    if (engine === undefined || engine.closing === null) continue;
    if (engine.closing.for === 'unwanted' && engine.role === 'serving' && isWanted(turn.state, engine)) engineReopened(turn, engine);
    else closingSettled(turn, engine, engine.closing);
  }
}

function closingSettled(turn: Turn, engine: EngineState, closing: Closing): void {
  const live = livePhase(engine);
  if (live === null || (live.is !== 'ready' && live.is !== 'unready')) return;
  const { nowMs } = turn.env;
  if (nowMs >= closing.deadlineMs) {
    if (isInUse(turn, engine)) deadlinePassed(turn, engine, closing);
    else stopTold(turn, engine, 'requested');
    return;
  }
  if (isInUse(turn, engine)) return;
  // Those who were queued before a drain come first; they are promoted at the end of this turn.
  if (closing.takesQueue && turn.state.tickets.length > 0 && live.is === 'ready') return;
  stopTold(turn, engine, 'requested');
}

/** Leases, or users that its gauge counts. A gauge that has not been heard since the closing began counts as busy, until it is known to be silent. */
export function isInUse(turn: Turn, engine: EngineState): boolean {
  if (engine.seats.some((lease) => lease !== null)) return true;
  const live = livePhase(engine);
  if (live === null || engine.closing === null || specOf(turn.state, live.run.specId).inUse === null) return false;
  if ((live.run.samples.inUseFailures ?? 0) >= UNHEARD_MAX) return false;
  return engine.closing.inUse === null || engine.closing.inUse > 0;
}

/** ORDER: the leases end with this turn's commit, and TERM goes out behind it. */
function deadlinePassed(turn: Turn, engine: EngineState, closing: Closing): void {
  if (closing.atDeadline === 'abort' && canGoBack(turn.state)) {
    const users = leasesIn(engine.seats).map(({ holder }) => holder);
    const who = users.length === 0 ? 'its busy gauge says that it is in use' : `leases are held by ${users.slice(0, 5).join(', ')}`;
    rolloutFailed(turn, {
      code: 'drain_timeout',
      message: `${idOf(turn, engine)} was still in use at the deadline of its drain: ${who}; --cut-leases would have cut them`,
      cancelled: false,
    });
    return;
  }
  const leases = leasesIn(engine.seats);
  const how = closing.atDeadline === 'revoked' ? 'revoked' : 'forced';
  const message =
    how === 'forced' ? `${idOf(turn, engine)} was drained, and its deadline has come` : `${idOf(turn, engine)} was stopped at once`;
  allLeasesEnded(turn, engine, how, message);
  for (const { holder, grantedMs } of leases) {
    stepped(
      turn,
      engine.replica,
      `cut ${holder}, who had held ${idOf(turn, engine)} for ${Math.round((turn.env.nowMs - grantedMs) / 1_000)} s`,
    );
  }
  operationForced(turn, engine.replica);
  if (how === 'forced') drainForced(turn, engine, leases.length);
  const after = generationIn(turn.state, engine);
  if (after !== undefined) stopTold(turn, putRun(turn, after, { cut: true }), 'requested');
}

/** Of the pool, where nobody says otherwise. */
export function drainDeadlineMs(turn: Turn): number {
  return turn.env.nowMs + currentSpec(turn.state).drain.deadlineMs;
}

function idOf(turn: Turn, { replica }: EngineState): string {
  return engineId({ pool: turn.state.name, replica });
}
