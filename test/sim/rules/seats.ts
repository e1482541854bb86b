/** Invariants 16, 17, 20 and 25: who sits where. Each seat is followed through the effects of a step, and what is left has to be what is there. */
import type { EngineState } from '../../../src/engine/engine-state.ts';
import type { Lease, Seat } from '../../../src/lease/lease-state.ts';
import type { Rule, Step } from '../ground.ts';
import { must } from '../violation.ts';
import { seatedIn, slotsIn } from './leasing.ts';
import { lifeIn, runOf } from './questions.ts';

export class SeatRule implements Rule {
  changed(step: Step): void {
    const { after } = step;
    // Who sits where is as it was: then only what they sit on may have changed.
    if (!mayHaveMoved(step)) {
      for (const { is } of step.lives) for (const lease of is?.seats ?? []) if (is !== null && lease !== null) usable(step, is, lease);
      return;
    }
    this.#followed(step);
    const seen = new Set<string>();
    for (const { engine, lease } of seatedIn(after)) {
      must(!seen.has(lease.id), 'slots', () => `${lease.id} sits in two seats of ${step.pool}`);
      seen.add(lease.id);
      must(
        engine.seats[lease.slot] === lease && lease.slot < slotsIn(after, engine),
        'slots',
        () => `${lease.id} sits in slot ${lease.slot} of ${step.pool}/${engine.replica}#${engine.generation}`,
      );
      usable(step, engine, lease);
    }
  }

  #followed(step: Step): void {
    const { pool, before, after } = step;
    const seats = new Map<number, string>();
    for (const { engine, lease } of seatedIn(before)) seats.set(placeOf(engine, lease.slot), lease.id);
    for (const happening of step.leasing) {
      if (happening.is === 'granted') {
        const where = placeOf(happening.seat, happening.seat.slot);
        must(
          !seats.has(where),
          'granted',
          () => `${happening.id} is granted ${seatText(step, happening.seat)}, where ${seats.get(where)} sits`,
        );
        seats.set(where, happening.id);
        this.#mayBeGranted(step, happening);
      } else if (happening.is === 'ended') {
        const { lease, seat } = happening.ended.held;
        const where = placeOf(seat, seat.slot);
        const says = (): string => `${lease.id} ends (${happening.ended.how}) and did not sit in ${seatText(step, seat)}`;
        must(seats.get(where) === lease.id, 'leaseOnce', says);
        seats.delete(where);
      }
    }
    const there = seatedIn(after);
    must(
      there.length === seats.size && there.every(({ engine, lease }) => seats.get(placeOf(engine, lease.slot)) === lease.id),
      'capacity',
      () => `in ${pool} sit ${there.map(({ lease }) => lease.id).join()}, after all that was told it is ${[...seats.values()].join()}`,
    );
  }

  #mayBeGranted(step: Step, { id, seat }: { readonly id: string; readonly seat: Seat }): void {
    const { pool, before, after, nowMs } = step;
    const engine = lifeIn(after, seat);
    const says = (why: string) => () => `${id} is granted ${seatText(step, seat)}: ${why}`;
    must(engine?.role === 'serving' && engine.phase.is === 'ready', 'granted', says(`it is ${engine?.role} and ${engine?.phase.is}`));
    // As it is after the step: the very turn that resumes it serves those who waited through the pause.
    must(engine?.paused === null && after.paused === null, 'granted', says(`${pool} or it is paused`));
    const closing = lifeIn(before, seat)?.closing ?? engine?.closing ?? null;
    // Of a whole pool, and not to be stopped: then whoever was queued before has his turn (`drains.ts`). One engine's takes nobody.
    const served = before.drain?.kind === 'drain' || (before.drain === null && after.drain?.kind === 'drain');
    must(closing === null || engine?.closing === null || served, 'drains', says('it is being drained'));
    must(
      closing === null || engine?.closing === null || nowMs < closing.deadlineMs,
      'drains',
      says(`the deadline of its drain was ${closing?.deadlineMs}, it is ${nowMs}`),
    );
  }
}

/** A number for each seat of a pool. */
function placeOf({ replica, generation }: Pick<Seat, 'replica' | 'generation'>, slot: number): number {
  return (replica * 100_000 + generation) * 1_000 + slot;
}

function seatText({ pool }: Step, { replica, generation, slot }: Seat): string {
  return `slot ${slot} of ${pool}/${replica}#${generation}`;
}

function mayHaveMoved(step: Step): boolean {
  if (step.before.restoring !== step.after.restoring) return true;
  if (step.leasing.some(({ is }) => is === 'granted' || is === 'ended')) return true;
  return step.lives.some(({ was, is }) => was.seats !== is?.seats || runOf(was)?.specId !== runOf(is)?.specId);
}

function usable({ pool, after }: Step, engine: EngineState, { id }: Lease): void {
  const is = engine.phase.is;
  const where = (): string => `${id} is held on ${pool}/${engine.replica}#${engine.generation}, which is ${engine.role} and ${is}`;
  must(after.restoring || is === 'ready' || is === 'unready', 'leasedEngine', where);
  must(engine.role !== 'candidate', 'leasedEngine', where);
}
