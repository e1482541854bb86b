/** Bugs of leases and of the queue. */
import type { Ticket } from '../../../src/admission/admission-state.ts';
import type { LeaseEvent } from '../../../src/lease/lease-events.ts';
import { LeaseKeys } from '../../../src/lease/lease-keys.ts';
import type { Lease } from '../../../src/lease/lease-state.ts';
import { isLeaseEvent } from '../../../src/pool/pool-next-state.ts';
import type { PoolState } from '../../../src/pool/pool-state.ts';
import { generationIn } from '../../../src/pool/turn.ts';
import { theMachine } from '../machine.ts';
import type { Next, Plant } from './planting.ts';
import { afterwards, deceived, everyOne, planted, without } from './planting.ts';

const { next, restored } = theMachine;

/** What was made of the tickets of a turn goes, but for whoever came or left in it. */
function ticketsBack(change: (ticket: Ticket) => Ticket): (after: PoolState, before: PoolState) => PoolState {
  return (after) => ({ ...after, tickets: after.tickets.map(change) });
}

function asBefore(key: 'priority' | 'queuedMs'): (after: PoolState, before: PoolState) => PoolState {
  return (after, before) =>
    ticketsBack((ticket) => ({ ...ticket, [key]: (before.tickets.find(({ id }) => id === ticket.id) ?? ticket)[key] }))(after, before);
}

function leases(state: PoolState, change: (lease: Lease) => Lease | null): PoolState {
  return everyOne(state, (engine) => ({ ...engine, seats: engine.seats.map((lease) => (lease === null ? null : change(lease))) }));
}

const noWakeUp = deceived(
  (state, event) => (event.type === 'release' || event.type === 'revoke' ? { ...state, tickets: [] } : null),
  (after, before) => ({ ...after, tickets: before.tickets }),
);

const grantedTwice = deceived((state, event) =>
  event.type !== 'acquire'
    ? null
    : {
        ...state,
        engines: state.engines.map((engine) => ({ ...engine, seats: engine.seats.map((lease, slot) => (slot === 0 ? null : lease)) })),
      },
);

const oneTooMany = deceived(
  (state, event) => {
    const spec = state.specs[state.specId];
    return event.type !== 'acquire' || spec === undefined
      ? null
      : { ...state, specs: { ...state.specs, [state.specId]: { ...spec, slots: spec.slots + 1 } } };
  },
  (after, before) => ({ ...after, specs: before.specs }),
);

/** As with one that remembers the highest token it has seen. */
const maxSeen: Next = (state, event, env) => {
  if (event.type !== 'renew') return next(state, event, env);
  const seats = generationIn(state, event.seat)?.seats ?? [];
  const newer = seats.some((lease) => lease !== null && event.token !== null && lease.token > event.token);
  return newer ? [state, [{ do: 'answer', to: event.to, answer: { is: 'stale' } }]] : next(state, event, env);
};

const requestsFirst = deceived((state, event) => (isLeaseEvent(event) ? { ...state, leaseDueMs: Number.POSITIVE_INFINITY } : null));

const twiceReleased: Next = (state, event, env) => {
  if (event.type !== 'release') return next(state, event, env);
  const there = generationIn(state, event.seat)?.seats[event.seat.slot] ?? null;
  return next(state, there === null ? event : ({ ...event, id: there.id, token: null } satisfies LeaseEvent), env);
};

const seatTwice: Next = (state, event, env) => {
  const [after, effects] = next(state, event, env);
  return [
    after,
    effects.flatMap((effect) => (effect.do === 'leaseEnded' && effect.ended.how === 'engine_lost' ? [effect, effect] : [effect])),
  ];
};

const leaseStays: Next = (state, event, env) => {
  const [after, effects] = next(state, event, env);
  if (event.type !== 'exited') return [after, effects];
  const seats = generationIn(state, event)?.seats ?? [];
  const there = everyOne(after, (engine) =>
    engine.replica === event.replica && engine.generation === event.generation ? { ...engine, seats } : engine,
  );
  return [there, effects.filter((effect) => effect.do !== 'leaseEnded')];
};

const stillQueued: Next = (state, event, env) => {
  const [after, effects] = next(state, event, env);
  return event.type === 'leave' ? [{ ...after, tickets: state.tickets }, effects] : [after, effects];
};

const claimedLate = afterwards((state, before) =>
  leases(state, (lease) => {
    const known = before.engines.some(({ seats }) => seats.some((other) => other?.id === lease.id));
    return known || lease.claimByMs === null ? lease : { ...lease, claimByMs: lease.claimByMs + 1_500 };
  }),
);

const fromTheGrant: Next = (state, event, env) => {
  const [after, effects] = next(state, event, env);
  if (event.type !== 'renew') return [after, effects];
  const was = generationIn(state, event.seat)?.seats[event.seat.slot] ?? null;
  return [leases(after, (lease) => (lease.id === was?.id ? { ...lease, expiresMs: was.expiresMs } : lease)), effects];
};

const revived: Next = (state, event, env) => {
  const there = 'seat' in event ? generationIn(state, event.seat) : undefined;
  const other = there?.seats.find((lease) => lease !== null);
  if (event.type !== 'renew' || other == null || there?.seats[event.seat.slot]?.id === event.id) return next(state, event, env);
  const held = { lease: { ...other, id: event.id, token: event.token ?? other.token }, seat: event.seat };
  return [state, [{ do: 'answer', to: event.to, answer: { is: 'renewed', held } }]];
};

/** Each acquire is a new one. */
class NoKeys extends LeaseKeys {
  override known(): null {
    return null;
  }
}

export const LEASES: readonly Plant[] = [
  planted('a slot that comes free wakes nobody', { next: noWakeUp }, 'wakeUp'),
  planted('a slot is granted twice', { next: grantedTwice }, 'granted', 'leaseOnce', 'capacity'),
  planted('an engine carries one lease more than it has slots', { next: oneTooMany }, 'slots'),
  planted('a token is refused as a newer one was given out, although its own lease lives', { next: maxSeen }, 'tokens'),
  planted('what was asked in the tick of an expiry is answered before it', { next: requestsFirst }, 'expiry', 'forced', 'drains', 'waits'),
  planted("a release that comes twice frees another's slot", { next: twiceReleased }, 'leaseOnce', 'tokens'),
  planted('whoever is promoted and does not come keeps the slot longer than queue.claim', { next: claimedLate }, 'expiry', 'timers'),
  planted(
    'priority is ignored',
    {
      next: deceived((state) => ({ ...state, tickets: state.tickets.map((ticket) => ({ ...ticket, priority: 0 })) }), asBefore('priority')),
    },
    'fifo',
  ),
  planted(
    'nobody ages in the queue',
    {
      next: deceived(
        (state, _event, nowMs) => ({ ...state, tickets: state.tickets.map((ticket) => ({ ...ticket, queuedMs: nowMs })) }),
        asBefore('queuedMs'),
      ),
    },
    'fifo',
  ),
  planted(
    'the last to come is the first to be served',
    {
      next: deceived(
        (state, event) => (event.type === 'acquire' ? null : { ...state, tickets: state.tickets.toReversed() }),
        (after) => ({ ...after, tickets: after.tickets.toSorted((one, other) => one.seq - other.seq) }),
      ),
    },
    'fifo',
  ),
  planted('one more waits than queue.limit', { next: oneMoreWaits() }, 'queueLimit'),
  planted('whoever has left the queue is still in it', { next: stillQueued }, 'waits', 'left'),
  planted('whoever waits for what cannot come is not told', { next: neverRefused() }, 'waits'),
  planted('one key is granted two leases', { newKeys: (clock) => new NoKeys(clock) }, 'keys'),
  planted(
    'keys are lost with the daemon',
    { restored: (state, epoch) => leases(restored(state, epoch), (lease) => ({ ...lease, key: null })) },
    'keys',
  ),
  planted(
    'a lease is lost with the daemon',
    { restored: (state, epoch) => leases(restored(state, epoch), () => null) },
    'durable',
    'leaseOnce',
  ),
  planted('tokens begin anew with the daemon', { restored: (state) => restored(state, 1) }, 'tokens'),
  planted('leases have no new TTL after a downtime of the daemon', { next: noNewTtl() }, 'expiry'),
  planted('a TTL runs from the grant and not from the renewal', { next: fromTheGrant }, 'expiry'),
  planted('a lease that has ended is renewed', { next: revived }, 'revived'),
  planted('a lease is held on an engine that has ended', { next: leaseStays }, 'leasedEngine'),
  planted('the end of a lost engine is told twice', { next: seatTwice }, 'leaseOnce', 'replay'),
  planted('an end of a lease is not told', { next: without((effect) => effect.do === 'leaseEnded') }, 'capacity'),
  planted(
    'a paused pool grants',
    {
      next: deceived(
        (state, event) => (event.type === 'acquire' && state.paused !== null ? { ...state, paused: null } : null),
        (after, before) => ({ ...after, paused: before.paused }),
      ),
    },
    'granted',
    'drains',
  ),
];

function oneMoreWaits(): Next {
  return deceived(
    (state, event) => (event.type === 'acquire' && state.tickets.length > 0 ? { ...state, tickets: state.tickets.slice(1) } : null),
    (after, before) => ({ ...after, tickets: [...before.tickets.slice(0, 1), ...after.tickets] }),
  );
}

function neverRefused(): Next {
  return (state, event, env) => {
    const [after, effects] = next(state, event, env);
    const refused = effects.flatMap((effect) =>
      effect.do === 'ticketEnded' && effect.ended.state === 'refused' ? [effect.ended.ticket] : [],
    );
    if (refused.length === 0) return [after, effects];
    const tickets = [...after.tickets, ...refused].toSorted((one, other) => one.seq - other.seq);
    return [{ ...after, tickets }, effects.filter((effect) => effect.do !== 'ticketEnded' || effect.ended.state !== 'refused')];
  };
}

function noNewTtl(): Next {
  return (state, event, env) => {
    const [after, effects] = next(state, event, env);
    if (event.type !== 'opened') return [after, effects];
    const before = new Map(
      state.engines.flatMap(({ seats }) => seats.flatMap((lease) => (lease === null ? [] : [[lease.id, lease] as const]))),
    );
    return [leases(after, (lease) => ({ ...lease, expiresMs: before.get(lease.id)?.expiresMs ?? lease.expiresMs })), effects];
  };
}
