/** Invariants 20 to 22: every lease ends once, for a reason that is there, and by time exactly when its time is over. Kept over all daemons. */
import type { EndedLease } from '../../../src/lease/lease-events.ts';
import type { Lease } from '../../../src/lease/lease-state.ts';
import type { Rule, Step } from '../ground.ts';
import { must } from '../violation.ts';
import { grantsOf, seatedIn } from './leasing.ts';
import { everyEngine, lifeIn, specNow } from './questions.ts';

interface Known {
  readonly pool: string;
  readonly grantedMs: number;
  /** Monotonic; Infinity for what only its connection ends. */
  dueMs: number;
  /** Monotonic; Infinity once somebody has been told. */
  claimByMs: number;
  ended: string | null;
}

export class LeaseEndRule implements Rule {
  readonly #leases = new Map<string, Known>();

  stepped(step: Step): void {
    this.#granted(step);
    for (const happening of step.leasing) if (happening.is === 'ended') this.#ended(step, happening.ended);
    this.#answered(step);
    if (step.event.type === 'opened') for (const { lease } of seatedIn(step.after)) this.#lasts(step, lease, 'ttl');
    if (!step.after.open || step.after.restoring) return;
    for (const { seats } of everyEngine(step.after)) for (const lease of seats) if (lease !== null) this.#notOver(step, lease);
  }

  #notOver({ nowMs }: Step, { id }: Lease): void {
    const known = this.#leases.get(id);
    const dueMs = known === undefined ? Number.NEGATIVE_INFINITY : Math.min(known.dueMs, known.claimByMs);
    must(dueMs > nowMs, 'expiry', () => `${id} was due to end at ${dueMs}, it is ${nowMs} and it is held`);
  }

  #granted(step: Step): void {
    for (const lease of grantsOf(step)) {
      must(!this.#leases.has(lease.id), 'leaseOnce', () => `${lease.id} is granted twice`);
      this.#leases.set(lease.id, { pool: step.pool, grantedMs: step.nowMs, dueMs: 0, claimByMs: Number.POSITIVE_INFINITY, ended: null });
      const promoted = step.leasing.find((happening) => happening.is === 'out' && happening.ended.lease?.lease.id === lease.id);
      const unseen = promoted?.is === 'out' && promoted.ended.ticket.watchers === 0;
      this.#lasts(step, lease, unseen ? 'ttl' : lease.bind);
      const known = this.#leases.get(lease.id);
      if (known !== undefined && unseen) known.claimByMs = step.nowMs + specNow(step.after).queue.claimMs;
    }
  }

  /** A whole TTL from now, or as long as its connection; never beyond `maxHold`. */
  #lasts(step: Step, lease: Lease, bind: Lease['bind']): void {
    const known = this.#leases.get(lease.id);
    if (known === undefined) return;
    const { maxHoldMs } = specNow(step.after).leases;
    const heldMs = maxHoldMs === 0 ? Number.POSITIVE_INFINITY : lease.grantedMs + maxHoldMs;
    known.dueMs = Math.min(bind === 'connection' ? Number.POSITIVE_INFINITY : step.nowMs + lease.ttlMs, heldMs);
  }

  #answered(step: Step): void {
    const { event } = step;
    if (!('id' in event)) return;
    const known = this.#leases.get(event.id);
    for (const answer of step.answers) {
      if (known === undefined || !('held' in answer)) continue;
      const over = known.ended !== null && answer.is !== 'released' && answer.is !== 'revoked';
      must(!over, 'revived', () => `${event.id} has ended (${known.ended}) and is ${answer.is}`);
      if (answer.is === 'renewed' || answer.is === 'granted')
        this.#lasts(step, answer.held.lease, event.type === 'attach' ? 'connection' : answer.held.lease.bind);
      if (answer.is === 'claimed' && known.claimByMs !== Number.POSITIVE_INFINITY && answer.held.lease.bind === 'connection')
        this.#lasts(step, answer.held.lease, 'connection');
      known.claimByMs = Number.POSITIVE_INFINITY;
    }
  }

  #ended(step: Step, { how, held: { lease, seat } }: EndedLease): void {
    const known = this.#leases.get(lease.id);
    must(
      known !== undefined && known.ended === null,
      'leaseOnce',
      () => `${lease.id} ends (${how}), it has ended already: ${known?.ended}`,
    );
    if (known === undefined) return;
    known.ended = how;
    const { event, nowMs } = step;
    const says = (why: string) => () => `${lease.id} ends (${how}) by ${event.type}: ${why}`;
    const engine = lifeIn(step.after, seat);
    const asked = 'id' in event && event.id === lease.id ? event.type : null;
    if (how === 'expired')
      must(
        nowMs >= Math.min(known.dueMs, known.claimByMs),
        'expiry',
        says(`it was to last until ${Math.min(known.dueMs, known.claimByMs)}, it is ${nowMs}`),
      );
    if (how === 'released') must(asked === 'release', 'leaseOnce', says('nobody has given it back'));
    if (how === 'engine_lost') {
      const there = engine !== undefined && (engine.phase.is === 'ready' || engine.phase.is === 'unready');
      must(!there, 'leaseOnce', says(`its engine is ${engine?.phase.is}`));
      const run = engine !== undefined && 'run' in engine.phase ? engine.phase.run : null;
      const told = run?.endReason === 'requested' && lifeIn(step.before, seat)?.phase.is !== engine?.phase.is;
      must(!told || step.before.restoring, 'forced', says('somebody told its engine to end, and nobody told its holder'));
    }
    if (how === 'lost')
      must(event.type === 'opened' && known.claimByMs !== Number.POSITIVE_INFINITY, 'leaseOnce', says('it had been claimed'));
  }
}
