/** Bugs of keeping engines alive: restarts, breakers, signals, probes, and what a death of the daemon loses. */
import type { Phase } from '../../../src/engine/engine-state.ts';
import type { PoolEvent } from '../../../src/pool/pool-events.ts';
import type { PoolState } from '../../../src/pool/pool-state.ts';
import { theMachine } from '../machine.ts';
import type { Next, Plant } from './planting.ts';
import { afterwards, beforehand, engines, phases, planted, without } from './planting.ts';

const { next, dueMs, gateNext, restored } = theMachine;

const tumbling: Next = (state, event, env) => {
  if (event.type !== 'tick' && event.type !== 'spawnGranted') return next(state, event, env);
  const windowMs = state.specs[state.specId]?.restartLimit.windowMs ?? 1;
  const restarts = state.restarts.filter((atMs) => Math.floor(atMs / windowMs) === Math.floor(env.nowMs / windowMs));
  return next({ ...state, restarts }, event, env);
};

const anyGeneration: Next = (state, event, env) => {
  const engine = 'generation' in event ? state.engines.find(({ replica }) => replica === event.replica) : undefined;
  return next(state, engine === undefined ? event : ({ ...event, generation: engine.generation } as PoolEvent), env);
};

const killsEarly = afterwards((state, before, nowMs) =>
  phases(state, (phase, { replica }) => {
    const was = before.engines.find((engine) => engine.replica === replica)?.phase.is;
    const begins = phase.is === 'stopping' && phase.stuckAtMs === null && was !== 'stopping';
    return begins ? { ...phase, killAtMs: nowMs + (phase.killAtMs - nowMs) / 2 } : phase;
  }),
);

const forgetsTree: Next = (state, event, env) => {
  const [after, effects] = next(state, event, env);
  if (event.type !== 'exited') return [after, effects];
  const evidence = { oomKilled: false, patternClass: null, matchedLine: null, lastLines: [] };
  const [over, more] = next(after, { type: 'gone', replica: event.replica, generation: event.generation, evidence }, env);
  return [over, [...effects, ...more]];
};

const stopLoses: Next = (state, event, env) => {
  const [after, effects] = next(state, event, env);
  const starting = state.engines.some(({ phase }) => phase.is === 'starting');
  const stop = event.type === 'command' && event.command.do === 'stop' && event.command.replica === null;
  return [stop && starting ? { ...after, wanted: state.wanted } : after, effects];
};

const sampledTwice: Next = (state, event, env) => {
  const [after, effects] = next(state, event, env);
  if (event.type !== 'probed') return [after, effects];
  const [again, more] = next(after, event, env);
  return [again, [...effects, ...more]];
};

const usersKept: Next = (state, event, env) => {
  const [after, effects] = next(state, event, env);
  if (event.type !== 'adopted') return [after, effects];
  const kept = (replica: number, phase: Phase): Phase => {
    const was = state.engines.find((engine) => engine.replica === replica)?.phase;
    if (was === undefined || !('run' in was) || !('run' in phase)) return phase;
    return { ...phase, run: { ...phase.run, samples: { ...phase.run.samples, inUse: was.run.samples.inUse } } };
  };
  return [engines(after, (engine) => ({ ...engine, phase: kept(engine.replica, engine.phase) })), effects];
};

const smallLimit: Next = (state, event, env) => {
  if (event.type !== 'configured' || event.spec === null || event.spec.restartLimit.count !== null) return next(state, event, env);
  return next(state, { ...event, spec: { ...event.spec, restartLimit: { ...event.spec.restartLimit, count: 2 } } }, env);
};

export const SUPERVISION: readonly Plant[] = [
  planted('the limiter has a tumbling window', { next: tumbling }, 'limiter'),
  planted(
    'the generation of an answer is not checked',
    { next: anyGeneration },
    'generation',
    'thresholds',
    'intents',
    'liveness',
    'stoppedMeansGone',
  ),
  planted(
    'no timer is armed for KILL',
    {
      dueMs: (state, nowMs) =>
        dueMs(
          phases(state, (phase) => (phase.is === 'stopping' ? { is: 'idle' } : phase)),
          nowMs,
        ),
    },
    'timers',
    'killLate',
  ),
  planted(
    'no timer is armed for an open breaker, which never half-opens',
    { dueMs: (state, nowMs) => dueMs(breakersShut(state), nowMs) },
    'timers',
    'liveness',
  ),
  planted('every timer is late by 50 ms', { dueMs: (state, nowMs) => dueMs(state, nowMs) + 50 }, 'killLate', 'timers'),
  planted(
    'a breaker is tried by two canaries',
    { next: beforehand((state) => (state.canary === null ? state : { ...state, canary: null })) },
    'oneCanary',
    'breakerMoves',
    'breakerHolds',
  ),
  planted('a breaker closes when its canary is ready', { next: afterwards(closesSoon) }, 'breakerMoves', 'events'),
  planted(
    'the back-off begins anew with each ready',
    { next: afterwards((state) => engines(state, (engine) => (engine.phase.is === 'ready' ? { ...engine, backoffRow: 0 } : engine))) },
    'backoff',
  ),
  planted('KILL comes after half of stop.timeout', { next: killsEarly }, 'kill'),
  planted('a restart does not wait for the whole tree', { next: forgetsTree }, 'stoppedMeansGone', 'treeGoneFirst'),
  planted(
    'the restart log is lost with the daemon',
    { restored: (state, epoch) => ({ ...restored(state, epoch), restarts: [] }) },
    'limiter',
  ),
  planted(
    'rows are lost with the daemon',
    { restored: (state, epoch) => engines(restored(state, epoch), (engine) => ({ ...engine, backoffRow: 0 })) },
    'backoff',
  ),
  planted(
    'the crash count is lost with the daemon',
    { restored: (state, epoch) => ({ ...restored(state, epoch), crashCount: 0 }) },
    'counters',
  ),
  planted(
    'effects run before the store',
    { storesFirst: false },
    'stoppedMeansGone',
    'oneProcess',
    'treeGoneFirst',
    'shutdown',
    'recovered',
    'kill',
  ),
  planted(
    'recovery counts as a storm',
    {
      next: beforehand((state) =>
        phases(state, (phase) =>
          phase.is === 'starting' && phase.run.cause === 'recovery' ? { ...phase, run: { ...phase.run, cause: 'restart' } } : phase,
        ),
      ),
    },
    'storm',
  ),
  planted('a stop does not win over a start under way', { next: stopLoses }, 'notWanted', 'idempotent'),
  planted('probes go on into the end', { next: without((effect) => effect.do === 'stopProbing') }, 'probing'),
  planted('what the last daemon knew of users is believed', { next: usersKept }, 'inUse'),
  planted('one result counts twice', { next: sampledTwice }, 'thresholds', 'replay', 'inUse'),
  planted(
    'a back-off is not announced',
    { next: without((effect) => effect.do === 'emit' && effect.happening.type === 'engine.backoff') },
    'events',
  ),
  planted(
    'the places on a device are not counted',
    { gateNext: (state, event) => gateNext({ ...state, perDevice: null }, event) },
    'starts',
  ),
  planted('the place to spawn is not given back', { next: without((effect) => effect.do === 'releaseSpawn') }, 'liveness', 'starts'),
  planted(
    'the wall clock is taken for the monotonic one',
    { next: (state, event, env) => next(state, event, { ...env, nowMs: env.nowMs + (env.wallMs % 3_600_000) / 100 }) },
    'wallClock',
    'timers',
    'backoff',
    'breakerMoves',
    'kill',
    'expiry',
    'killLate',
  ),
  planted('one bad replica fills a limiter that is too small for it', { next: smallLimit }, 'neighbours'),
  planted(
    'a pool is told of a back-off that ticks for ever',
    { dueMs: (state, nowMs) => (state.engines.some(({ phase }) => phase.is === 'backoff') ? nowMs : dueMs(state, nowMs)) },
    'timers',
  ),
];

function breakersShut(state: PoolState): PoolState {
  return state.breaker.is === 'open'
    ? { ...state, breaker: { is: 'half_open', openForMs: 1 }, canary: { of: 'any', replica: 0, generation: 0 } }
    : state;
}

function closesSoon(state: PoolState, _before: PoolState, nowMs: number): PoolState {
  const { canary } = state;
  const ready = state.engines.some(
    ({ replica, generation, phase }) => canary?.replica === replica && canary.generation === generation && phase.is === 'ready',
  );
  return canary?.of === 'any' && ready
    ? { ...state, canary: null, breaker: { is: 'closed', sinceMs: nowMs, openForMs: state.breaker.openForMs } }
    : state;
}
