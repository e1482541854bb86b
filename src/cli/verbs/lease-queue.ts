/** From asking for a lease to having it: the place in the queue, shown while it lasts. */
import { randomUUID } from 'node:crypto';
import { ClientError } from '../../client/client-error.ts';
import type { AcquireOrder } from '../../client/lease-client.ts';
import { pause } from '../../clock.ts';
import type { Granted, Queued, TicketStatus } from '../../lease/lease.ts';
import type { Place } from '../live-line.ts';
import { queueLine } from '../live-line.ts';
import type { Session } from '../session.ts';
import { span } from '../times.ts';

/** The daemon answers earlier when something changes; a ticket that nobody asks about for 10 s leaves the queue. */
const LOOK_MS = 5_000;
/** So long a daemon that restarts is waited for, by whoever has been in its queue. */
const PATIENCE_MS = 10_000;
const RETRY_MS = 250;
/** No ticket lasts longer; whoever has still time left then asks anew. */
const TICKET_MOST_MS = 24 * 3_600_000;

interface Waiting {
  readonly pool: string;
  /** `waitMs` is for all of it, in one place of the queue; null: as long as the pool lets anyone wait. */
  readonly wish: AcquireOrder;
  /** Leaves the queue. */
  readonly signal: AbortSignal;
}

/** Null when it was called off. Throws ClientError: refused, or `queue_timeout`. */
export async function whenGranted(session: Session, waiting: Waiting): Promise<Granted | null> {
  const { clock, leases, timeoutMs, out } = session;
  const { pool, wish, signal } = waiting;
  const { waitMs } = wish;
  const beganMs = clock.nowMs();
  const endMs = beganMs + Math.min(waitMs ?? Number.POSITIVE_INFINITY, timeoutMs ?? Number.POSITIVE_INFINITY);
  try {
    const order = (key: string | null): AcquireOrder => ({
      ...wish,
      waitMs: waitMs === 0 ? 0 : null,
      // The place is kept for as long as we wait, which may be longer than the pool lets others wait.
      ticketMs: waitMs === null || waitMs === 0 ? null : Math.max(1, Math.min(Math.ceil(endMs - clock.nowMs()), TICKET_MOST_MS)),
      // A key stands for one request: it is sent again when the connection breaks, and gets the same lease or place.
      key: key ?? randomUUID(),
    });
    let asked = await leases.acquire(pool, order(wish.key), signal);
    for (;;) {
      if (asked.outcome === 'granted') return asked;
      const lease = await promoted(session, { ...waiting, queued: asked, endMs });
      if (lease !== null && !out.json) out.note(`poolctl: ${lease.engine.id} after ${span(clock.nowMs() - beganMs)}`);
      if (lease !== null) return lease;
      await pause(clock, RETRY_MS);
      const again = order(null);
      asked = await patiently(session, signal, () => leases.acquire(pool, again, signal));
    }
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  } finally {
    out.live(null);
  }
}

/** Null when the ticket has gone and another one is worth asking for. */
async function promoted(
  session: Session,
  { pool, wish, signal, queued, endMs }: Waiting & { readonly queued: Queued; readonly endMs: number },
): Promise<Granted | null> {
  const { clock, leases, out } = session;
  const show = placeShown(session, pool);
  show(queued);
  let leave = true;
  try {
    for (;;) {
      const leftMs = endMs - clock.nowMs();
      if (leftMs <= 0) throw tooLate(pool, 'the time that was given for it is over');
      const now = await patiently(session, signal, () => leases.ticket(queued.id, Math.min(LOOK_MS, leftMs), signal));
      if (now.state === 'queued') {
        show(now);
        continue;
      }
      leave = false;
      const lease = outcomeOf(now);
      if (lease !== null) return lease;
      if (wish.waitMs === null || endMs - clock.nowMs() <= 0) throw tooLate(pool, now.error?.message ?? 'the pool lets nobody wait longer');
      out.note(`poolctl: ${pool} lets nobody wait longer than ${span(now.waitedMs)}: asking again, from the end of the queue`);
      return null;
    }
  } catch (error) {
    if (!(error instanceof ClientError) || error.code !== 'ticket_not_found') throw error;
    leave = false;
    out.note('poolctl: poold no longer knows our place in the queue: asking again');
    return null;
  } finally {
    // Best effort: unasked for, it leaves by itself.
    if (leave) await leases.leave(queued.id).catch(() => {});
  }
}

/** Null for one that has expired. Throws ClientError for any other end without a lease. */
function outcomeOf({ state, lease, error, pool }: TicketStatus): Granted | null {
  if (state === 'granted' && lease !== null) return lease;
  if (state === 'expired') return null;
  const says = error?.message ?? `cannot get a lease on ${pool}: its place in the queue is gone (${state})`;
  throw new ClientError(error?.code ?? 'conflict', says, { status: null, pool });
}

function tooLate(pool: string, why: string): ClientError {
  return new ClientError('queue_timeout', why.startsWith('cannot ') ? why : `cannot get a lease on ${pool}: ${why}`, {
    status: null,
    pool,
  });
}

/** On a terminal drawn over, elsewhere a line whenever the place changes. */
function placeShown({ out }: Session, pool: string): (place: Place) => void {
  let said = '';
  return (place) => {
    if (out.liveColumns !== null) return out.live(queueLine(pool, place, out.liveColumns));
    const line = queueLine(pool, place);
    const key = `${place.queuePosition} ${place.draining}`;
    if (key !== said && !out.json) out.note(`poolctl: ${line}`);
    said = key;
  };
}

/** Past a restart of the daemon; every other refusal counts at once. */
async function patiently<T>({ clock }: Session, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  const endMs = clock.nowMs() + PATIENCE_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const away = error instanceof ClientError && (error.code === 'unreachable' || error.code === 'shutting_down');
      if (!away || signal.aborted || clock.nowMs() >= endMs) throw error;
      await pause(clock, RETRY_MS);
    }
  }
}
