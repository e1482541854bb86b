/**
 * A person's `stop`, `drain`, `pause` and `resume`: recorded as what is wanted, and the rest follows. product.md, "Drain and reload".
 * A stop drains with the pool's deadline and lets nobody wait; a drain serves those who are queued already. Both take a reload back first.
 */
import type { Closing } from '../engine/engine-state.ts';
import { isLive } from '../engine/engine-state.ts';
import { rolloutFailed } from '../rollout/failed-state.ts';
import type { Given } from './begun-state.ts';
import { begun, holdPut, isGoing, targetsOf } from './begun-state.ts';
import { engineClosed } from './closings-state.ts';
import { poolDrainBegun } from './drain-state.ts';
import type { PoolCommand } from './host.ts';
import { ended } from './operation-state.ts';
import { poolRuns, startsOf } from './start-commands-state.ts';
import type { Turn } from './turn.ts';
import { allEngines, currentSpec, engineAt, put } from './turn.ts';

type Command<Kind extends PoolCommand['do']> = Extract<PoolCommand, { readonly do: Kind }>;

export function stopCommanded(turn: Turn, given: Given, { replica, now }: Command<'stop'>): void {
  const deadlineMs = turn.env.nowMs + (now ? 0 : currentSpec(turn.state).drain.deadlineMs);
  taken(turn, given, { replica, deadlineMs, as: 'stopped', extend: false, atDeadline: now ? 'revoked' : 'forced' });
}

export function drainTold(turn: Turn, given: Given, { replica, deadlineMs, extend }: Command<'drain'>): void {
  const untilMs = turn.env.nowMs + (deadlineMs ?? currentSpec(turn.state).drain.deadlineMs);
  taken(turn, given, { replica, deadlineMs: untilMs, as: 'drained', extend, atDeadline: 'forced' });
}

interface Taking {
  readonly replica: number | null;
  /** Monotonic. */
  readonly deadlineMs: number;
  readonly as: 'stopped' | 'drained';
  readonly extend: boolean;
  readonly atDeadline: Closing['atDeadline'];
}

/** ORDER: what is wanted first, then who is on his way out: an engine that is not wanted is closed with the pool's deadline otherwise. */
function taken(turn: Turn, given: Given, { replica, deadlineMs, as, extend, atDeadline }: Taking): void {
  const { by } = given.stamp;
  rolloutFailed(turn, { code: 'conflict', message: `${by} has asked for it to be ${as}`, cancelled: true });
  const engines = allEngines(turn.state).filter((engine) => replica === null || engine.replica === replica);
  const stops = [...new Set(engines.filter(isGoing).map((engine) => engine.replica))];
  begun(turn, given, { stops });
  if (replica === null) turn.state = { ...turn.state, wanted: { state: as, override: given.stamp } };
  else holdPut(turn, replica, { ...given.stamp, as });
  const whole = replica === null && engines.some(isLive);
  const drain = whole ? poolDrainBegun(turn, { kind: as === 'drained' ? 'drain' : 'stop', deadlineMs, by }, extend) : null;
  const order = { for: 'unwanted', deadlineMs: drain?.deadlineMs ?? deadlineMs, takesQueue: drain?.kind === 'drain', atDeadline } as const;
  for (const { replica: target, role } of engines) {
    const engine = engineAt(turn, target);
    if (role === 'serving') engineClosed(turn, engine, order, extend);
  }
  // Old engines that a reload has replaced have the shorter deadline too; those of other replicas than the one that is meant keep theirs.
  for (const other of turn.state.others) {
    const meant = replica === null || other.replica === replica;
    if (meant && other.closing !== null) engineClosed(turn, other, { ...other.closing, deadlineMs: order.deadlineMs });
  }
}

/** No new leases; engines and leases stay. */
export function pauseTold(turn: Turn, given: Given, replica: number | null): void {
  const { stamp } = given;
  const already = replica === null ? turn.state.paused !== null : engineAt(turn, replica).paused !== null;
  const operation = begun(turn, given, {});
  if (!already && replica === null) turn.state = { ...turn.state, paused: stamp };
  else if (!already && replica !== null) put(turn, { ...engineAt(turn, replica), paused: stamp });
  ended(turn, operation, { is: 'succeeded', outcome: already ? 'already' : 'paused' });
}

/** Takes a pause or a drain back; what a person has stopped stays stopped. */
export function resumeTold(turn: Turn, given: Given, replica: number | null): void {
  const targets = targetsOf(turn.state, replica);
  const holds = targets.filter((target) => engineAt(turn, target).held?.as === 'drained');
  const pauses = targets.filter((target) => engineAt(turn, target).paused !== null);
  const drained = replica === null && turn.state.wanted.state === 'drained';
  const nothing = !drained && holds.length + pauses.length === 0 && (replica !== null || turn.state.paused === null);
  const wasHeld = new Set(targets.filter((target) => engineAt(turn, target).held?.as === 'stopped'));
  for (const target of pauses) put(turn, { ...engineAt(turn, target), paused: null });
  for (const target of holds) holdPut(turn, target, null);
  if (replica === null) turn.state = { ...turn.state, paused: null };
  if (drained) poolRuns(turn, given.stamp);
  const again = nothing ? [] : targets.filter((target) => (drained || holds.includes(target)) && !wasHeld.has(target));
  const operation = begun(turn, given, { starts: startsOf(turn, again) });
  if (operation.starts.length === 0) ended(turn, operation, { is: 'succeeded', outcome: nothing ? 'already' : 'resumed' });
}
