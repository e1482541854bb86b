/** A person's `reload` and `restart`: begun, or waiting for what is under way, or nothing to do. product.md, "Running operation × new request". */
import { isLive } from '../engine/engine-state.ts';
import type { Given } from '../pool/begun-state.ts';
import { begun, targetsOf } from '../pool/begun-state.ts';
import type { ReloadCommand } from '../pool/host.ts';
import { ended } from '../pool/operation-state.ts';
import type { ActiveOperation, PoolState } from '../pool/pool-state.ts';
import { poolStateName } from '../pool/standing-state.ts';
import { retryTarget } from '../pool/start-commands-state.ts';
import type { Turn } from '../pool/turn.ts';
import { currentSpec, emit, engineAt, put } from '../pool/turn.ts';
import { isWanted, poolIsWanted, wantedReplicas } from '../pool/wanted-state.ts';
import { isUnchanged, shapeOf } from './plan-state.ts';
import { rolloutPrepared } from './prepare-state.ts';
import type { Destination, Rollout, WaitingReload } from './rollout.ts';

export function reloadTold(turn: Turn, given: Given, command: ReloadCommand): void {
  const { target } = given;
  if (target === undefined) throw new Error('a reload came without the spec that it goes to');
  const { specId, sets, executable } = target;
  turn.state = { ...turn.state, specs: { ...turn.state.specs, [specId]: target.spec } };
  inTurn(turn, begun(turn, given, {}), { command, to: { specId, sets, executable }, operationId: given.operationId, stamp: given.stamp });
}

/** The same spec again, one after the other as in a reload. */
export function restartTold(turn: Turn, given: Given, replica: number | null): void {
  const command = { do: 'restart', replica } as const;
  inTurn(turn, begun(turn, given, {}), { command, to: null, operationId: given.operationId, stamp: given.stamp });
}

/** At once, or when the drain or reload that is under way is over. Of those that wait the newest one is left. */
function inTurn(turn: Turn, operation: ActiveOperation, waiting: WaitingReload): void {
  if (turn.state.drain === null && turn.state.rollout === null) return reloadBegun(turn, operation, waiting);
  const before = turn.state.operations.find(({ id }) => id === turn.state.waitingReload?.operationId);
  turn.state = { ...turn.state, waitingReload: waiting };
  if (before !== undefined)
    ended(turn, before, { is: 'cancelled', outcome: 'superseded', message: `a newer ${operation.kind} took its place` });
}

/** What it waited for is over. */
export function waitingReloadActed(turn: Turn): void {
  const { waitingReload, drain, rollout } = turn.state;
  if (waitingReload === null || drain !== null || rollout !== null) return;
  turn.state = { ...turn.state, waitingReload: null };
  const operation = turn.state.operations.find(({ id }) => id === waitingReload.operationId);
  if (operation !== undefined) reloadBegun(turn, operation, waitingReload);
}

function reloadBegun(turn: Turn, operation: ActiveOperation, { command, to }: WaitingReload): void {
  if (command.do === 'restart') return restartBegun(turn, operation, command.replica);
  if (to === null) throw new Error('a reload has lost the spec that it goes to');
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
function recorded(turn: Turn, { specId, sets }: Destination): void {
  turn.state = { ...turn.state, specId, sets, prepared: null };
  for (const engine of turn.state.engines) if (engine.backoffRow > 0) put(turn, { ...engine, backoffRow: 0 });
}

function restartBegun(turn: Turn, operation: ActiveOperation, replica: number | null): void {
  const { specId, sets } = turn.state;
  const replicas = targetsOf(turn.state, replica).filter((target) => isWanted(turn.state, engineAt(turn, target)));
  const drainMs = currentSpec(turn.state).drain.deadlineMs;
  rolloutBegun(turn, { operation, to: { specId, sets, executable: null }, drainMs, cutLeases: true, asked: null, replicas });
}

interface Beginning {
  readonly operation: ActiveOperation;
  readonly to: Destination;
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
    failure: null,
    sinceMs: nowMs,
  };
  turn.state = { ...turn.state, rollout };
  for (const engine of turn.state.engines) {
    const concerned = to.specId !== rollout.fromSpecId || rollout.todo.includes(engine.replica);
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
