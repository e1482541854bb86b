/** What a pool looks like from outside: `GET /v1/pools/{pool}`. A question: it changes nothing. product.md, "States". */
import type { EngineState, Stamp } from '../engine/engine-state.ts';
import { isLive, livePhase, newEngine } from '../engine/engine-state.ts';
import { engineId } from '../engine/identity.ts';
import { engineUrl } from '../engine/url.ts';
import { leasesIn, takenOf } from '../lease/lease-state.ts';
import { activeLeases, slotsOf, takesLeases } from '../lease/seats-state.ts';
import type { Breaker } from '../policy/breaker.ts';
import { closedBreaker } from '../policy/breaker.ts';
import type { SetValue } from '../rollout/rollout.ts';
import { stamp } from '../stamp.ts';
import { engineReason, engineStateName } from './engine-view.ts';
import type { Gates } from './gates-state.ts';
import { gatesAt } from './gates-state.ts';
import type { PoolState } from './pool-state.ts';
import { poolReason } from './reason-view.ts';
import { poolStateName } from './standing-state.ts';
import type { BreakerStatus, EngineStatus, Override, PoolStatus } from './status.ts';
import { allEngines, currentSpec, specOf, stampOf } from './turn.ts';
import { isMember, isWanted, poolIsWanted, replicasOf, wantedReplicas } from './wanted-state.ts';

/** What the pure state does not know: both clocks, and what the host found. */
export interface Seen {
  readonly nowMs: number;
  readonly wallMs: number;
  readonly containment: 'cgroup' | 'weak';
  /** Engines of somebody else, by handoff files. */
  readonly external: readonly EngineStatus[];
}

export function poolStatus(state: PoolState, seen: Seen): PoolStatus {
  const spec = currentSpec(state);
  const engines = shownEngines(state, seen);
  const gates = gatesAt(state, seen.nowMs);
  const shown = engines.map((engine) => engineStatus(state, engine, { seen, gates }));
  // A candidate that is ready serves nobody yet.
  const serving = state.engines.filter((engine) => state.paused === null && takesLeases(engine, seen.nowMs, false));
  const { reason, message } = poolReason(state, gates);
  return {
    pool: state.name,
    state: poolStateName(state),
    reason,
    message,
    live: shown.some((engine) => engine.live),
    ready: serving.length > 0 && poolIsWanted(state),
    draining: state.drain !== null || state.wanted.state === 'drained',
    orphaned: state.orphaned,
    activeLeases: activeLeases(state),
    slotsTotal: spec.slots * state.replicas.count,
    slotsFree: serving.reduce((sum, engine) => sum + Math.max(0, slotsOf(state, engine) - takenOf(engine.seats)), 0),
    queueDepth: state.tickets.length,
    oldestLeaseMs: oldestMs(
      allEngines(state).flatMap(({ seats }) => leasesIn(seats).map(({ grantedMs }) => grantedMs)),
      seen.nowMs,
    ),
    oldestWaitMs: oldestMs(
      state.tickets.map(({ queuedMs }) => queuedMs),
      seen.nowMs,
    ),
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
  const known = state.engines.filter((engine) => isMember(state, engine.replica) || isLive(engine));
  const made = new Set(known.map(({ replica }) => replica));
  const unmade = replicasOf(state).filter((replica) => !made.has(replica));
  const breaker = closedBreaker(currentSpec(state).breaker, seen.nowMs);
  const serving = [...known, ...unmade.map((replica) => newEngine(replica, breaker))];
  return [...serving, ...state.others].toSorted((one, other) => one.replica - other.replica);
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
    role: engine.role,
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
    activeLeases: takenOf(engine.seats),
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
  const { version, vars } = state.sets;
  const whose = ({ by, atMs, reason }: Stamp): Pick<Override, 'by' | 'at' | 'reason'> => ({ by, at: stamp(atMs), reason });
  const { wanted, replicas } = state;
  return [
    ...(wanted.override === null
      ? []
      : [{ key: 'wanted' as const, value: wanted.state, fileValue: file, ...whose(wanted.override) } as const]),
    ...(replicas.override === null
      ? []
      : [{ key: 'replicas' as const, value: replicas.count, fileValue: spec.replicas, ...whose(replicas.override) }]),
    ...(state.paused === null ? [] : [{ key: 'paused' as const, value: 'paused', fileValue: null, ...whose(state.paused) }]),
    ...state.engines.flatMap(({ replica, held, paused }): Override[] => [
      ...(held === null ? [] : [{ key: `engines.${replica}` as const, value: held.as, fileValue: file, ...whose(held) }]),
      ...(paused === null ? [] : [{ key: `engines.${replica}` as const, value: 'paused', fileValue: file, ...whose(paused) }]),
    ]),
    ...(version === null ? [] : [{ key: 'engine.version' as const, ...valuesOf(version), ...whose(version) }]),
    ...Object.entries(vars).map(([name, set]) => ({ key: `engine.vars.${name}` as const, ...valuesOf(set), ...whose(set) })),
  ];
}

function oldestMs(sinceMs: readonly number[], nowMs: number): number | null {
  return sinceMs.length === 0 ? null : Math.max(0, Math.round(nowMs - Math.min(...sinceMs)));
}

function valuesOf({ value, fileValue }: SetValue): Pick<Override, 'value' | 'fileValue'> {
  return { value, fileValue };
}
