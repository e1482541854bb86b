/** When the pool next has something to do by itself. Beside each time stands the handler in `settle-state.ts` that acts on it. A question. */
import type { EngineState } from '../engine/engine-state.ts';
import { livePhase } from '../engine/engine-state.ts';
import { ANY, missing } from './breakers-state.ts';
import { startGate } from './gates-state.ts';
import type { PoolState } from './pool-state.ts';
import { stableAtMs } from './settle-state.ts';
import { currentSpec, specOf } from './turn.ts';
import { isWanted } from './wanted-state.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** The monotonic time of the next `tick`; Infinity when only an event can change anything. */
export function dueMs(state: PoolState, nowMs: number): number {
  if (state.restoring) return NEVER;
  const engines = state.engines.map((engine) => engineDueMs(state, engine, nowMs));
  const breakers = [state.breaker, ...Object.values(state.classes).map(({ breaker }) => breaker)].map((breaker) =>
    !state.shuttingDown && breaker.is === 'open' ? breaker.untilMs : NEVER,
  );
  const shown = state.restartCount > 0 ? stableAtMs(state) : NEVER;
  return Math.min(NEVER, shown, blockedCanaryMs(state), ...breakers, ...engines);
}

function engineDueMs(state: PoolState, engine: EngineState, nowMs: number): number {
  const { phase } = engine;
  switch (phase.is) {
    case 'starting':
      return startDueMs(state, engine);
    case 'ready':
      return provenDueMs(state, engine);
    case 'stopping':
      return phase.stuckAtMs ?? phase.killAtMs;
    case 'backoff': {
      if (state.shuttingDown || !isWanted(state, engine)) return NEVER;
      const gate = startGate(state, engine, nowMs);
      return gate.is === 'free' ? nowMs : gate.untilMs;
    }
    default:
      return NEVER;
  }
}

function startDueMs(state: PoolState, engine: EngineState): number {
  const run = livePhase(engine)?.run;
  if (run === undefined || run.spawnedMs === null) return NEVER;
  const spec = specOf(state, run.specId);
  const probed = spec.probes.startup !== null || spec.probes.readiness !== null;
  return run.spawnedMs + (probed ? spec.startTimeoutMs : Math.min(spec.readyAfterMs, spec.startTimeoutMs));
}

function provenDueMs(state: PoolState, engine: EngineState): number {
  const run = livePhase(engine)?.run;
  if (run === undefined || run.readySinceMs === null) return NEVER;
  const spec = currentSpec(state);
  const successMs = run.succeeded ? NEVER : run.readySinceMs + spec.breaker.successAfterMs;
  const resetMs = engine.backoffRow > 0 ? run.readySinceMs + spec.backoff.resetAfterMs : NEVER;
  return Math.min(successMs, resetMs);
}

/** A half-open breaker without a canary waits for the first missing engine that is not blocked any more. */
function blockedCanaryMs(state: PoolState): number {
  const halfOpen = [[ANY, state.breaker] as const, ...Object.entries(state.classes).map(([name, { breaker }]) => [name, breaker] as const)];
  if (state.shuttingDown || state.canary !== null || !halfOpen.some(([, breaker]) => breaker.is === 'half_open')) return NEVER;
  return Math.min(NEVER, ...missing(state, ANY).map(({ phase }) => (phase.is === 'backoff' ? phase.dueMs : NEVER)));
}
