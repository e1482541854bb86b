/** What `reload --dry-run` shows: which engines, which leases, and how long it takes at most. A question. */
import { isLive } from '../engine/engine-state.ts';
import { engineId } from '../engine/identity.ts';
import { leasesIn } from '../lease/lease-state.ts';
import type { ReloadCommand, ReloadPlan } from '../pool/host.ts';
import type { ReloadTarget } from '../pool/pool-events.ts';
import type { PoolState } from '../pool/pool-state.ts';
import { poolStateName } from '../pool/standing-state.ts';
import { currentSpec, engineIn } from '../pool/turn.ts';
import { poolIsWanted, wantedReplicas } from '../pool/wanted-state.ts';
import { changesOf, isUnchanged, shapeOf } from './plan-state.ts';

export function plannedReload(
  state: PoolState,
  command: ReloadCommand,
  { target, nowMs }: { readonly target: ReloadTarget; readonly nowMs: number },
): ReloadPlan {
  const shape = shapeOf(state, command.strategy);
  const would = whatOf(state, command, target);
  const replicas = would === 'unchanged' || would === 'recorded' ? [] : wantedReplicas(state);
  const engines = replicas.flatMap((replica) => engineIn(state, replica) ?? []).filter(isLive);
  const leases = engines.flatMap((engine) =>
    leasesIn(engine.seats).map(({ id, holder, grantedMs }) => ({
      id,
      holder,
      engine: engineId({ pool: state.name, replica: engine.replica }),
      heldMs: Math.round(nowMs - grantedMs),
    })),
  );
  const { spec } = target;
  const drainMs = command.deadlineMs ?? currentSpec(state).drain.deadlineMs;
  const startMs = spec.startTimeoutMs + spec.reload.soakMs;
  const rounds = Math.ceil(replicas.length / Math.max(1, shape.maxSurge + shape.maxUnavailable));
  const prepareMs = spec.engine.prepare === null || target.specId === state.specId ? 0 : spec.engine.prepare.timeoutMs;
  const oneMs = startMs + drainMs + spec.stop.timeoutMs;
  return {
    pool: state.name,
    strategy: shape.strategy,
    would,
    changes: changesOf(currentSpec(state), spec),
    maxSurge: shape.maxSurge,
    maxUnavailable: shape.maxUnavailable,
    notes: shape.notes,
    engines: replicas.map((replica) => engineId({ pool: state.name, replica })),
    leases,
    atMostMs: replicas.length === 0 ? 0 : prepareMs + rounds * oneMs,
  };
}

function whatOf(state: PoolState, command: ReloadCommand, target: ReloadTarget): ReloadPlan['would'] {
  if (!command.same && isUnchanged(state, target)) return 'unchanged';
  if (!poolIsWanted(state) || wantedReplicas(state).length === 0) return 'recorded';
  return poolStateName(state) === 'failed' ? 'revive' : 'reload';
}
