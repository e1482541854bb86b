/** Invariants 16, 17, 20 and 25: who sits where. Each seat is followed through the effects of a step, and what is left has to be what is there. */
import type { Rule, Step } from '../ground.ts';
import { must } from '../violation.ts';
import { leaseHappenings, seatedIn, slotsIn } from './leasing.ts';
import { lifeIn } from './questions.ts';

export class SeatRule implements Rule {
  stepped(step: Step): void {
    const { before, after } = step;
    if (before.engines === after.engines && before.others === after.others) return;
    this.#followed(step);
    const seen = new Set<string>();
    for (const { engine, lease } of seatedIn(after)) {
      const id = `${step.pool}/${engine.replica}#${engine.generation}`;
      must(!seen.has(lease.id), 'slots', () => `${lease.id} sits in two seats of ${step.pool}`);
      seen.add(lease.id);
      must(
        engine.seats[lease.slot] === lease && lease.slot < slotsIn(after, engine),
        'slots',
        () => `${lease.id} sits in slot ${lease.slot} of ${id}`,
      );
      const is = engine.phase.is;
      must(after.restoring || is === 'ready' || is === 'unready', 'leasedEngine', () => `${lease.id} is held on ${id}, which is ${is}`);
      must(engine.role !== 'candidate', 'leasedEngine', () => `${lease.id} is held on the candidate ${id}`);
    }
  }

  #followed(step: Step): void {
    const { pool, before, after } = step;
    const place = (engine: string, generation: number, slot: number): string => `${engine}#${generation}:${slot}`;
    const seats = new Map(
      seatedIn(before).map(({ engine, lease }) => [place(`${pool}/${engine.replica}`, engine.generation, lease.slot), lease.id]),
    );
    for (const happening of leaseHappenings(step)) {
      if (happening.is === 'granted') {
        const where = place(happening.engine, happening.generation, happening.slot);
        must(!seats.has(where), 'granted', () => `${happening.id} is granted ${where}, where ${seats.get(where)} sits`);
        seats.set(where, happening.id);
        this.#mayBeGranted(step, happening);
      } else if (happening.is === 'ended') {
        const { lease, seat } = happening.ended.held;
        const where = place(`${pool}/${seat.replica}`, seat.generation, seat.slot);
        must(seats.get(where) === lease.id, 'leaseOnce', () => `${lease.id} ends (${happening.ended.how}) and did not sit in ${where}`);
        seats.delete(where);
      }
    }
    const there = seatedIn(after).map(
      ({ engine, lease }) => `${place(`${pool}/${engine.replica}`, engine.generation, lease.slot)} ${lease.id}`,
    );
    const expected = [...seats].map(([where, id]) => `${where} ${id}`);
    must(
      there.toSorted().join() === expected.toSorted().join(),
      'capacity',
      () => `in ${pool} sit ${there.join()}, after all that was told it is ${expected.join()}`,
    );
  }

  #mayBeGranted(
    { pool, before, after, nowMs }: Step,
    granted: { readonly id: string; readonly engine: string; readonly generation: number },
  ): void {
    const ref = { replica: Number(granted.engine.split('/')[1]), generation: granted.generation };
    const engine = lifeIn(after, ref);
    const says = (why: string) => () => `${granted.id} is granted on ${granted.engine}#${granted.generation}: ${why}`;
    must(engine?.role === 'serving' && engine.phase.is === 'ready', 'granted', says(`it is ${engine?.role} and ${engine?.phase.is}`));
    must(engine?.paused === null && before.paused === null, 'granted', says(`${pool} or it is paused`));
    const closing = lifeIn(before, ref)?.closing ?? engine?.closing ?? null;
    must(closing === null || engine?.closing === null || closing.takesQueue, 'drains', says('it is being drained'));
    must(
      closing === null || engine?.closing === null || nowMs < closing.deadlineMs,
      'drains',
      says(`the deadline of its drain was ${closing?.deadlineMs}, it is ${nowMs}`),
    );
  }
}
