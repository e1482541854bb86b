/** What a pool looks like from outside: `GET /v1/pools/{pool}`. A question: it changes nothing. product.md, "States". */
import type { EngineState, Stamp } from '../engine/engine-state.ts';
import { isLive, livePhase, newEngine } from '../engine/engine-state.ts';
import { engineId } from '../engine/identity.ts';
import { engineUrl } from '../engine/url.ts';
import type { Breaker } from '../policy/breaker.ts';
import { closedBreaker } from '../policy/breaker.ts';
import { isCanary } from './breakers-state.ts';
import { engineReason, engineStateName } from './engine-view.ts';
import type { Gates } from './gates-state.ts';
import { gatesAt } from './gates-state.ts';
import type { PoolState } from './pool-state.ts';
import { poolReason } from './reason-view.ts';
import type { BreakerStatus, EngineStatus, Override, PoolStateName, PoolStatus } from './status.ts';
import { currentSpec, engineIn, specOf, stamp, stampOf } from './turn.ts';
import { isWanted, poolIsWanted, replicasOf, wantedReplicas } from './wanted-state.ts';

/** What the pure state does not know: both clocks, and what the host found. */
export interface Seen {
  readonly nowMs: number;
  readonly wallMs: number;
  readonly containment: 'cgroup' | 'weak';
  /** Engines of somebody else, by handoff files. */
  readonly external: readonly EngineStatus[];
}

/** First that fits. */
export function poolStateName(state: PoolState): PoolStateName {
  const live = state.engines.filter(isLive);
  const wanted = wantedReplicas(state);
  const ready = state.engines.filter(({ phase }) => phase.is === 'ready').length;
  const engineOf = (replica: number): EngineState | undefined => engineIn(state, replica);
  if (live.length === 0 && wanted.every((replica) => engineOf(replica)?.phase.is === 'ended')) return 'stopped';
  if (!poolIsWanted(state) || wanted.length === 0) return 'draining';
  if (ready === 0 && !wanted.some((replica) => willStart(state, engineOf(replica)))) return 'failed';
  if (ready === 0 && !state.beenReady) return 'starting';
  return ready < wanted.length ? 'degraded' : 'running';
}

export function poolStatus(state: PoolState, seen: Seen): PoolStatus {
  const spec = currentSpec(state);
  const engines = shownEngines(state, seen);
  const gates = gatesAt(state, seen.nowMs);
  const shown = engines.map((engine) => engineStatus(state, engine, { seen, gates }));
  const ready = engines.filter(({ phase }) => phase.is === 'ready').length;
  const { reason, message } = poolReason(state, gates);
  return {
    pool: state.name,
    state: poolStateName(state),
    reason,
    message,
    live: shown.some((engine) => engine.live),
    ready: ready > 0,
    draining: false,
    orphaned: state.orphaned,
    activeLeases: 0,
    slotsTotal: spec.slots * state.replicas.count,
    slotsFree: spec.slots * ready,
    queueDepth: 0,
    replicas: state.replicas.count,
    wanted: wantedReplicas(state).length,
    engineVersion: spec.engine.version,
    devices: spec.engine.devices,
    restartCount: state.restartCount,
    crashCount: state.crashCount,
    breaker: breakerStatus(state, seen),
    overrides: overridesOf(state),
    containment: seen.containment,
    lastError: state.lastError,
    engines: [...shown, ...seen.external],
  };
}

/** Each replica, started before or not, and what still lives of those that were scaled away. */
function shownEngines(state: PoolState, seen: Seen): EngineState[] {
  const known = state.engines.filter((engine) => engine.replica < state.replicas.count || isLive(engine));
  const made = new Set(known.map(({ replica }) => replica));
  const unmade = replicasOf(state).filter((replica) => !made.has(replica));
  const breaker = closedBreaker(currentSpec(state).breaker, seen.nowMs);
  return [...known, ...unmade.map((replica) => newEngine(replica, breaker))].toSorted((one, other) => one.replica - other.replica);
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

function engineStatus(
  state: PoolState,
  engine: EngineState,
  { seen, gates }: { readonly seen: Seen; readonly gates: Gates },
): EngineStatus {
  const run = livePhase(engine)?.run ?? null;
  const spec = run === null ? currentSpec(state) : specOf(state, run.specId);
  const { reason, message, nextStartMs } = engineReason(state, engine, gates);
  return {
    id: engineId({ pool: state.name, replica: engine.replica }),
    generation: engine.generation,
    role: 'serving',
    state: engineStateName(engine),
    reason,
    message,
    live: isLive(engine),
    ready: engine.phase.is === 'ready',
    pid: run?.identity?.pid ?? null,
    url:
      run === null
        ? null
        : engineUrl({
            spec,
            ref: { pool: state.name, replica: engine.replica, generation: engine.generation },
            port: run.port,
            device: run.device,
          }),
    version: run === null ? null : spec.engine.version,
    device: run?.device ?? spec.engine.devices?.[engine.replica] ?? null,
    activeLeases: 0,
    inUse: engine.phase.is === 'ready' || engine.phase.is === 'unready' ? engine.phase.run.samples.inUse : null,
    failures: engine.row,
    breaker: engine.breaker.is,
    startedAt: run === null ? null : stamp(run.startedAtMs),
    readyAt: run?.readyAtMs == null ? null : stamp(run.readyAtMs),
    nextStartAt: nextStartMs === null ? null : stampOf(seen, nextStartMs),
    lastExit: engine.lastExit,
    outdated: run !== null && run.specId !== state.specId,
  };
}

function breakerStatus(state: PoolState, seen: Seen): BreakerStatus {
  const until = (breaker: Breaker): string | null => (breaker.is === 'open' ? stampOf(seen, breaker.untilMs) : null);
  const rows = state.engines.filter((engine) => isWanted(state, engine)).map((engine) => engine.row);
  const classes = Object.entries(state.classes).map(
    ([name, { row, breaker }]) => [name, { state: breaker.is, failures: row, openUntil: until(breaker) }] as const,
  );
  return { state: state.breaker.is, failures: Math.max(0, ...rows), openUntil: until(state.breaker), classes: Object.fromEntries(classes) };
}

function overridesOf(state: PoolState): Override[] {
  const spec = currentSpec(state);
  const file = spec.autostart ? 'running' : 'stopped';
  const whose = ({ by, atMs, reason }: Stamp): Pick<Override, 'by' | 'at' | 'reason'> => ({ by, at: stamp(atMs), reason });
  const { wanted, replicas } = state;
  return [
    ...(wanted.override === null
      ? []
      : [{ key: 'wanted' as const, value: wanted.state, fileValue: file, ...whose(wanted.override) } as const]),
    ...(replicas.override === null
      ? []
      : [{ key: 'replicas' as const, value: replicas.count, fileValue: spec.replicas, ...whose(replicas.override) }]),
    ...state.engines.flatMap((engine) =>
      engine.held === null
        ? []
        : [{ key: `engines.${engine.replica}` as const, value: 'stopped' as const, fileValue: file, ...whose(engine.held) } as const],
    ),
  ];
}
