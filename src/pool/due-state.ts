/** When the pool next has something to do by itself. Beside each time stands the handler in `settle-state.ts` that acts on it. A question. */
import type { EngineState } from '../engine/engine-state.ts';
import { livePhase, startEndsMs } from '../engine/engine-state.ts';
import { reportedUntilMs } from '../lease/reports-state.ts';
import type { Breaker } from '../policy/breaker.ts';
import { rolloutDueMs } from '../rollout/rollout-due-state.ts';
import { ANY, triable, triableAtMs } from './breakers-state.ts';
import type { Gates } from './gates-state.ts';
import { gatesAt } from './gates-state.ts';
import { leasesDueMs } from './lease-due-state.ts';
import type { PoolState } from './pool-state.ts';
import { stableAtMs } from './settle-state.ts';
import { allEngines, currentSpec, specOf } from './turn.ts';
import { mayStart } from './wanted-state.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** The monotonic time of the next `tick`; Infinity when only an event can change anything. */
export function dueMs(state: PoolState, nowMs: number): number {
  if (state.restoring) return NEVER;
  const gates = gatesAt(state, nowMs);
  const shown = state.restartCount > 0 ? stableAtMs(state) : NEVER;
  let atMs = Math.min(shown, breakersDueMs(state), rolloutDueMs(state, nowMs), leasesDueMs(state));
  for (const engine of allEngines(state)) atMs = Math.min(atMs, engineDueMs(state, engine, gates));
  return atMs;
}

function engineDueMs(state: PoolState, engine: EngineState, gates: Gates): number {
  const { phase } = engine;
  switch (phase.is) {
    case 'starting':
      return startDueMs(state, engine);
    case 'ready':
      return engine.role === 'serving' ? provenDueMs(state, engine) : NEVER;
    case 'unready':
      return phase.why === 'reported' ? reportedUntilMs(engine) : NEVER;
    case 'stopping':
      return phase.stuckAtMs ?? phase.killAtMs;
    case 'backoff': {
      // Its place is a reload's: `startsDecided` leaves it alone, and so does time.
      if (state.shuttingDown || !mayStart(state, engine)) return NEVER;
      const gate = gates.of(engine);
      if (gate.is === 'free') return gates.nowMs;
      return Math.min(ownBreakerDueMs(state, engine), gate.by === 'breaker_open' && gate.which !== 'engine' ? NEVER : gate.untilMs);
    }
    default:
      return NEVER;
  }
}

/** Its own breaker is half open when its time has come, also while that of a class holds the engine back all the same. */
function ownBreakerDueMs(state: PoolState, { breaker }: EngineState): number {
  return state.breaker.is === 'closed' && breaker.is === 'open' ? breaker.untilMs : NEVER;
}

function startDueMs(state: PoolState, engine: EngineState): number {
  const run = livePhase(engine)?.run;
  if (run === undefined || run.spawnedMs === null) return NEVER;
  const spec = specOf(state, run.specId);
  const probed = spec.probes.startup !== null || spec.probes.readiness !== null;
  const endsMs = startEndsMs(run, spec.startTimeoutMs);
  return probed ? endsMs : Math.min(run.spawnedMs + spec.readyAfterMs, endsMs);
}

function provenDueMs(state: PoolState, engine: EngineState): number {
  const run = livePhase(engine)?.run;
  if (run === undefined || run.readySinceMs === null) return NEVER;
  const spec = currentSpec(state);
  const successMs = run.succeeded ? NEVER : run.readySinceMs + spec.breaker.successAfterMs;
  const resetMs = engine.backoffRow > 0 ? run.readySinceMs + spec.backoff.resetAfterMs : NEVER;
  return Math.min(successMs, resetMs);
}

/** While a canary runs no breaker of the pool moves by time, and those of the classes wait for the pool's own: see `breakersAdvanced`. */
function breakersDueMs(state: PoolState): number {
  if (state.shuttingDown || state.canary !== null) return NEVER;
  if (state.breaker.is !== 'closed') return breakerDueMs(state, ANY, state.breaker);
  return Math.min(NEVER, ...Object.entries(state.classes).map(([name, { breaker }]) => breakerDueMs(state, name, breaker)));
}

/** The end of its wait; half-open without a canary: when the first missing engine is not blocked any more. */
function breakerDueMs(state: PoolState, name: string, breaker: Breaker): number {
  switch (breaker.is) {
    case 'closed':
      return NEVER;
    case 'open':
      return breaker.untilMs;
    case 'half_open':
      return Math.min(NEVER, ...triable(state, name).map(triableAtMs));
  }
}
