/** `scale`: how many engines, over what the file says. A scale-down takes those with the fewest leases, of these the highest replica. */
import { isLive } from '../engine/engine-state.ts';
import { takenOf } from '../lease/lease-state.ts';
import type { Given } from './begun-state.ts';
import { begun, holdPut } from './begun-state.ts';
import { drainDeadlineMs, engineClosed } from './closings-state.ts';
import { ended } from './operation-state.ts';
import type { PoolState } from './pool-state.ts';
import { startsOf } from './start-commands-state.ts';
import type { Turn } from './turn.ts';
import { currentSpec, engineAt, engineIn } from './turn.ts';
import { isMember, replicasOf } from './wanted-state.ts';

/** Recorded at once; while a drain or a reload is under way it acts when that is over, and a newer one takes its place. */
export function scaleTold(turn: Turn, given: Given, count: number): void {
  if (turn.state.drain === null && turn.state.rollout === null) {
    const operation = begun(turn, given, {});
    scaled(turn, { operationId: operation.id, stamp: given.stamp, replicas: count });
    return;
  }
  const operation = begun(turn, given, {});
  const waited = turn.state.waitingScale;
  const before = turn.state.operations.find(({ id }) => id === waited?.operationId);
  turn.state = { ...turn.state, waitingScale: { replicas: count, operationId: operation.id, stamp: given.stamp } };
  if (before !== undefined) ended(turn, before, { is: 'cancelled', message: 'a newer command took its place' });
}

/** Its turn has come. */
export function waitingScaleActed(turn: Turn): void {
  const { waitingScale, drain, rollout } = turn.state;
  if (waitingScale === null || drain !== null || rollout !== null) return;
  turn.state = { ...turn.state, waitingScale: null };
  scaled(turn, waitingScale);
}

/** The file has another count: it is the newer word, as over one that has acted. */
export function waitingScaleDropped(turn: Turn): void {
  const { waitingScale, operations } = turn.state;
  turn.state = { ...turn.state, waitingScale: null };
  const operation = operations.find(({ id }) => id === waitingScale?.operationId);
  if (operation !== undefined) ended(turn, operation, { is: 'cancelled', message: 'the configuration has changed meanwhile' });
}

function scaled(turn: Turn, { replicas: count, operationId, stamp }: NonNullable<PoolState['waitingScale']>): void {
  const fileCount = currentSpec(turn.state).replicas;
  const before = replicasOf(turn.state);
  const members = membersFor(turn.state, count);
  turn.state = { ...turn.state, replicas: { count, members, override: count === fileCount ? null : stamp } };
  const added = turn.state.wanted.state === 'running' ? replicasOf(turn.state).filter((replica) => !before.includes(replica)) : [];
  const surplus = turn.state.engines
    .filter((engine) => !isMember(turn.state, engine.replica) && isLive(engine))
    .map((engine) => engine.replica);
  for (const replica of surplus) holdPut(turn, replica, null);
  const free = added.filter((replica) => engineAt(turn, replica).held === null);
  // One that was on its way out and is taken back serves already.
  const starts = startsOf(turn, free);
  const operations = turn.state.operations.map((operation) =>
    operation.id === operationId ? { ...operation, starts, stops: surplus } : operation,
  );
  // ORDER: the operation knows whom it is about before anything happens to them, or it would lack the step.
  turn.state = { ...turn.state, operations };
  const order = { for: 'unwanted', deadlineMs: drainDeadlineMs(turn), takesQueue: false, atDeadline: 'forced' } as const;
  for (const replica of surplus) engineClosed(turn, engineAt(turn, replica), order);
}

/** Null where they are the first ones. */
function membersFor(state: PoolState, count: number): readonly number[] | null {
  const present = replicasOf(state);
  const kept =
    count < present.length
      ? byWorth(state, present).slice(0, count)
      : [...present, ...Array.from({ length: count }, (_, replica) => replica).filter((replica) => !present.includes(replica))].slice(
          0,
          count,
        );
  const members = kept.toSorted((one, other) => one - other);
  return members.every((replica, index) => replica === index) ? null : members;
}

/** Those that more people use first, of these the lowest. */
function byWorth(state: PoolState, replicas: readonly number[]): number[] {
  const leases = (replica: number): number => takenOf(engineIn(state, replica)?.seats ?? []);
  return replicas.toSorted((one, other) => leases(other) - leases(one) || one - other);
}
