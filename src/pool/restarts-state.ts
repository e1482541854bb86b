/** What automatic restarts add up to: the sliding limiter, the shown count, and the storm that opens the pool's breaker. */
import type { EngineState, StartCause } from '../engine/engine-state.ts';
import type { Limit } from '../policy/restart-limiter.ts';
import { countInWindow, defaultCount, levelOf, restarted } from '../policy/restart-limiter.ts';
import type { StormSpec } from '../policy/storm.ts';
import { isStorm, stormClass, stormEntered, stormHint } from '../policy/storm.ts';
import { poolBreakerOpened } from './breakers-state.ts';
import type { PoolState } from './pool-state.ts';
import type { Turn } from './turn.ts';
import { currentSpec, emit } from './turn.ts';

/** Only these count for the limiter; trials, canaries, first starts and a person's starts are no restarts. */
export function isAutomaticRestart(cause: StartCause): boolean {
  return cause === 'restart' || cause === 'recovery';
}

export function limitOf(state: PoolState): Limit {
  const { count, windowMs } = currentSpec(state).restartLimit;
  return { count: count ?? defaultCount(state.replicas.count), windowMs };
}

export function stormSpecOf(state: PoolState): StormSpec {
  const { count, windowMs } = currentSpec(state).storm;
  return { count: count ?? defaultCount(state.replicas.count), windowMs };
}

/** Restarts that are begun and not yet spawned: they have their place in the limiter's window already. */
export function onTheirWay(state: PoolState): number {
  return state.engines.filter(
    ({ phase }) =>
      phase.is === 'starting' && phase.run.spawnedMs === null && phase.step !== 'spawning' && isAutomaticRestart(phase.run.cause),
  ).length;
}

/** The spawn of a restart begins: it is counted now. A storm opens the breaker behind it. */
export function restartCounted(turn: Turn, engine: EngineState, cause: StartCause): void {
  if (!isAutomaticRestart(cause)) return;
  const { nowMs } = turn.env;
  // What has left the window since the last event arms the warnings again.
  levelAnnounced(turn);
  const restarts = restarted(turn.state.restarts, limitOf(turn.state), nowMs);
  turn.state = { ...turn.state, restarts, restartCount: turn.state.restartCount + 1 };
  levelAnnounced(turn);
  // Recovery behind a breaker that has just closed must not open it again.
  if (cause === 'restart') stormCounted(turn, engine);
}

/** One warning at half the limit and one at the limit, per crossing: falling below arms them again. */
export function levelAnnounced(turn: Turn): void {
  const limit = limitOf(turn.state);
  const count = countInWindow(turn.state.restarts, limit, turn.env.nowMs);
  const level = levelOf(count, limit);
  const was = turn.state.limiterLevel;
  if (level === was) return;
  turn.state = { ...turn.state, limiterLevel: level };
  const rises = level === 'limit' || (level === 'half' && was === 'below');
  if (rises) emit(turn, 'restart.limited', { level, count, limit: limit.count, windowMs: limit.windowMs });
}

function stormCounted(turn: Turn, engine: EngineState): void {
  const spec = stormSpecOf(turn.state);
  const storm = stormEntered(turn.state.storm, spec, { atMs: turn.env.nowMs, crashClass: engine.lastFailureClass ?? 'unknown' });
  turn.state = { ...turn.state, storm };
  if (!isStorm(storm, spec) || turn.state.breaker.is !== 'closed') return;
  const major = stormClass(storm);
  emit(turn, 'restart.storm', {
    class: major === null ? 'mixed_storm' : `${major}_storm`,
    count: storm.length,
    windowMs: spec.windowMs,
    hint: stormHint(major),
  });
  turn.state = { ...turn.state, storm: [] };
  poolBreakerOpened(turn, 'storm');
}
