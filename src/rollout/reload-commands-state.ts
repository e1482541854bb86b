/** A person's `reload` and `restart`: begun, or waiting for what is under way, or nothing to do. product.md, "Running operation × new request". */
import { isLive } from '../engine/engine-state.ts';
import type { Given } from '../pool/begun-state.ts';
import { begun, targetsOf } from '../pool/begun-state.ts';
import type { ReloadCommand } from '../pool/host.ts';
import { ended } from '../pool/operation-state.ts';
import type { ActiveOperation, PoolState } from '../pool/pool-state.ts';
import { cuttable, rollingBegun } from '../pool/rolling-state.ts';
import { poolStateName } from '../pool/standing-state.ts';
import { retryTarget } from '../pool/start-commands-state.ts';
import type { Turn } from '../pool/turn.ts';
import { currentSpec, emit, engineAt, put } from '../pool/turn.ts';
import { isWanted, poolIsWanted, wantedReplicas } from '../pool/wanted-state.ts';
import { isUnchanged, shapeOf } from './plan-state.ts';
import { rolloutPrepared } from './prepare-state.ts';
import type { Destination, Rollout, WaitingReload } from './rollout.ts';
import { isBusy } from './rollout-due-state.ts';

export function reloadTold(turn: Turn, given: Given, command: ReloadCommand): void {
  const { targets = [] } = given;
  const specs = Object.fromEntries(targets.map(({ specId, spec }) => [specId, spec]));
  turn.state = { ...turn.state, specs: { ...turn.state.specs, ...specs } };
  const to = targets.map(({ spec: _spec, ...destination }) => destination);
  inTurn(turn, begun(turn, given, {}), { command, to, operationId: given.operationId, stamp: given.stamp });
}

/** The same spec again, as in a reload; with `now` one after the other is cut and started. */
export function restartTold(turn: Turn, given: Given, command: Extract<WaitingReload['command'], { readonly do: 'restart' }>): void {
  // One that is cut again is not waited for.
  if (command.now && turn.state.rollout === null) return cutInTurn(turn, given, command.replica);
  inTurn(turn, begun(turn, given, {}), { command, to: [], operationId: given.operationId, stamp: given.stamp });
}

function cutInTurn(turn: Turn, given: Given, replica: number | null): void {
  const replicas = cuttable(turn, targetsOf(turn.state, replica));
  const operation = begun(turn, given, {
    starts: replicas.map((target) => ({ replica: target, after: engineAt(turn, target).generation })),
  });
  rollingBegun(turn, operation.id, replicas);
}

/** At once, or when the drain, reload or cutting restart that is under way is over. Of those that wait the newest one is left. */
function inTurn(turn: Turn, operation: ActiveOperation, waiting: WaitingReload): void {
  if (!isBusy(turn.state)) return reloadBegun(turn, operation, waiting);
  const before = turn.state.operations.find(({ id }) => id === turn.state.waitingReload?.operationId);
  turn.state = { ...turn.state, waitingReload: waiting };
  if (before !== undefined)
    ended(turn, before, { is: 'cancelled', outcome: 'superseded', message: `a newer ${operation.kind} took its place` });
}

/** What it waited for is over. */
export function waitingReloadActed(turn: Turn): void {
  const { waitingReload } = turn.state;
  if (waitingReload === null || isBusy(turn.state)) return;
  turn.state = { ...turn.state, waitingReload: null };
  const operation = turn.state.operations.find(({ id }) => id === waitingReload.operationId);
  if (operation !== undefined) reloadBegun(turn, operation, waitingReload);
}

function reloadBegun(turn: Turn, operation: ActiveOperation, { command, to: ways }: WaitingReload): void {
  if (command.do === 'restart') return restartBegun(turn, operation, command);
  const to = ways.find(({ fromSpecId }) => fromSpecId === turn.state.specId);
  if (to === undefined)
    return ended(turn, operation, { is: 'cancelled', message: 'the configuration has changed since it was asked: ask again' });
  if (!command.same && isUnchanged(turn.state, to)) return ended(turn, operation, { is: 'succeeded', outcome: 'unchanged' });
  if (!poolIsWanted(turn.state) || wantedReplicas(turn.state).length === 0) {
    recorded(turn, to);
    return ended(turn, operation, { is: 'succeeded', outcome: 'recorded' });
  }
  const drainMs = command.deadlineMs ?? currentSpec(turn.state).drain.deadlineMs;
  rolloutBegun(turn, {
    operation,
    to,
    drainMs,
    cutLeases: command.cutLeases,
    asked: command.strategy,
    replicas: wantedReplicas(turn.state),
  });
}

/** Nothing runs: the next start uses it. */
function recorded(turn: Turn, { specId, sets }: Pick<Destination, 'specId' | 'sets'>): void {
  turn.state = { ...turn.state, specId, sets, prepared: null };
  for (const engine of turn.state.engines) if (engine.backoffRow > 0) put(turn, { ...engine, backoffRow: 0 });
}

function restartBegun(
  turn: Turn,
  operation: ActiveOperation,
  { replica, now }: { readonly replica: number | null; readonly now: boolean },
): void {
  if (now) return rollingBegun(turn, operation.id, cuttable(turn, targetsOf(turn.state, replica)));
  const { specId, sets } = turn.state;
  const replicas = targetsOf(turn.state, replica).filter((target) => isWanted(turn.state, engineAt(turn, target)));
  const drainMs = currentSpec(turn.state).drain.deadlineMs;
  rolloutBegun(turn, { operation, to: { specId, sets }, drainMs, cutLeases: true, asked: null, replicas });
}

interface Beginning {
  readonly operation: ActiveOperation;
  readonly to: Pick<Destination, 'specId' | 'sets'>;
  readonly drainMs: number;
  readonly cutLeases: boolean;
  readonly asked: ReloadCommand['strategy'];
  readonly replicas: readonly number[];
}

function rolloutBegun(turn: Turn, { operation, to, drainMs, cutLeases, asked, replicas }: Beginning): void {
  const shape = shapeOf(turn.state, asked);
  const { nowMs } = turn.env;
  const revived = revivedOf(turn.state, replicas, nowMs);
  const rollout: Rollout = {
    ...shape,
    operationId: operation.id,
    kind: operation.kind === 'restart' ? 'restart' : 'reload',
    fromSpecId: turn.state.specId,
    toSpecId: to.specId,
    sets: to.sets,
    step: 'preparing',
    soakMs: currentSpec(turn.state).reload.soakMs,
    drainMs,
    cutLeases,
    revives: revived !== null,
    todo: revived === null ? replicas : [revived],
    units: [],
    done: [],
    stranded: [],
    failure: null,
    sinceMs: nowMs,
  };
  turn.state = { ...turn.state, rollout };
  for (const engine of turn.state.engines) {
    const concerned = rollout.kind === 'reload' || rollout.todo.includes(engine.replica);
    if (concerned && engine.backoffRow > 0) put(turn, { ...engine, backoffRow: 0 });
  }
  emit(turn, 'reload.started', {
    operation: operation.id,
    kind: rollout.kind,
    strategy: rollout.strategy,
    engines: rollout.todo.map((replica) => `${turn.state.name}/${replica}`),
    message: shape.notes.length === 0 ? null : shape.notes.join('; '),
  });
  rolloutPrepared(turn);
}

/** Of a failed pool one engine is tried, past the breakers: one of those that were asked for. */
function revivedOf(state: PoolState, replicas: readonly number[], nowMs: number): number | null {
  const failed = poolStateName(state) === 'failed' || (state.breaker.is !== 'closed' && !state.engines.some(isLive));
  return failed ? retryTarget(state, nowMs, replicas) : null;
}
