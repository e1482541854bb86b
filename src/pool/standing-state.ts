/** The state of a pool in one word: product.md, "States", first that fits. Questions. */
import type { EngineState } from '../engine/engine-state.ts';
import { isLive } from '../engine/engine-state.ts';
import { isCanary } from './breakers-state.ts';
import type { PoolState } from './pool-state.ts';
import type { PoolStateName } from './status.ts';
import { allEngines, engineIn } from './turn.ts';
import { poolIsWanted, wantedReplicas } from './wanted-state.ts';

export function poolStateName(state: PoolState): PoolStateName {
  const live = allEngines(state).some(isLive);
  const wanted = wantedReplicas(state);
  if (!live && wanted.every((replica) => engineIn(state, replica)?.phase.is === 'ended')) return isDrained(state) ? 'drained' : 'stopped';
  if (!poolIsWanted(state) || wanted.length === 0) return 'draining';
  if (state.rollout !== null) return 'reloading';
  if (state.paused !== null) return 'paused';
  const ready = state.engines.filter(({ phase, closing }) => phase.is === 'ready' && closing === null).length;
  if (ready === 0 && !wanted.some((replica) => willStart(state, engineIn(state, replica)))) return 'failed';
  if (ready === 0 && !state.beenReady) return 'starting';
  // A drained engine is missed, one that a person has stopped is not.
  const drained = state.engines.filter(({ held }) => held?.as === 'drained').length;
  return ready < wanted.length + drained ? 'degraded' : 'running';
}

/** The pool was, or each of its engines that is not wanted. */
function isDrained({ wanted, engines }: PoolState): boolean {
  if (wanted.state !== 'running') return wanted.state === 'drained';
  return engines.some(({ held }) => held?.as === 'drained') && engines.every(({ held }) => held === null || held.as === 'drained');
}

/** A start is under way or due, and nothing but time or its own end decides it. */
function willStart(state: PoolState, engine: EngineState | undefined): boolean {
  switch (engine?.phase.is) {
    case 'starting':
    case 'ready':
    case 'unready':
    case 'stopping':
      return !isCanary(state, engine);
    case undefined:
    case 'idle':
      return state.breaker.is === 'closed';
    case 'backoff': {
      const klass = state.classes[engine.lastFailureClass ?? ''];
      return state.breaker.is === 'closed' && engine.breaker.is !== 'open' && (klass === undefined || klass.breaker.is === 'closed');
    }
    default:
      return false;
  }
}
