/** The stream of a lease that lives by its connection: contract.md, `bind: "connection"`. Whoever stops reading has released it. */
import type { Clock } from '../clock.ts';
import { PooldError } from '../errors.ts';
import type { Pool } from '../pool/pool.ts';
import type { BoundLine, Queued, Refused } from './lease.ts';
import type { LeaseDesk } from './lease-desk.ts';
import type { Held } from './lease-events.ts';
import { deadlineMsOf, grantedOf, placeOf, renewedOf } from './lease-view.ts';

export interface BoundParts {
  readonly desk: LeaseDesk;
  readonly clock: Clock;
  readonly pool: Pool;
  /** Aborted when the connection has gone. */
  readonly signal: AbortSignal;
}

interface QueuedParts extends BoundParts {
  /** The place in the queue as it is. */
  readonly queued: () => Queued;
}

/** How often a change of place in the queue is looked for. */
const LOOK_MS = 1_000;

/** Of one who waits, until there is no more to tell him. Returns false where his lease was over before a line could tell of it. */
export async function* boundLines(parts: QueuedParts, ticketId: string): AsyncGenerator<BoundLine, boolean> {
  const { desk } = parts;
  try {
    yield* queuedLines(parts, ticketId);
    const past = desk.pastTicket(ticketId);
    if (past?.refused != null) yield refusedLine(past.refused);
    return past?.lease == null || (yield* heldLines(parts, past.lease));
  } finally {
    const waits = desk.ticketPool(ticketId);
    if (waits !== null) await desk.ask(waits, { type: 'hungUp', ticketId });
    // Promoted, and whoever was to hear of it has stopped reading.
    const lease = desk.pastTicket(ticketId)?.lease ?? null;
    if (lease !== null) await givenBack(parts, lease.lease.id);
  }
}

export function refusedLine({ code, message, facts }: Pick<Refused, 'code' | 'message' | 'facts'>): BoundLine {
  return { outcome: 'refused', code, message, retryAfterMs: facts.retryAfterMs ?? null };
}

/** A line at once, then one whenever the place has changed, until it is out of the queue. */
async function* queuedLines({ desk, clock, signal, queued }: QueuedParts, ticketId: string): AsyncGenerator<BoundLine> {
  let told = '';
  while (desk.ticketPool(ticketId) !== null && !signal.aborted) {
    const line = queued();
    if (placeOf(line) !== told) yield line;
    told = placeOf(line);
    if (desk.ticketPool(ticketId) !== null) await changed({ desk, clock, signal }, ticketId, LOOK_MS);
  }
}

/** Something at least each third of the TTL, so that whoever hears nothing for long knows that the daemon is gone. Returns as `boundLines`. */
export async function* heldLines(parts: BoundParts, { lease }: Held): AsyncGenerator<BoundLine, boolean> {
  const { desk, clock, pool, signal } = parts;
  const { id, ttlMs } = lease;
  const shown = (held: Held) => grantedOf(pool.state, held, { nowMs: clock.nowMs(), wallMs: clock.wallMs() });
  let told: number | null = null;
  if (desk.held(id) === null) return false;
  try {
    for (let first = true; !signal.aborted; first = false) {
      const there = desk.held(id);
      if (there === null) break;
      const [now, deadlineMs] = [shown(there.held), deadlineMsOf(pool.state, there.held)];
      if (first) yield now;
      else if (now.deadlineAt !== null && deadlineMs !== told)
        yield { outcome: 'draining', id, deadlineAt: now.deadlineAt, expiresAt: now.expiresAt };
      else yield renewedOf(pool.state, there.held, { nowMs: clock.nowMs(), wallMs: clock.wallMs() });
      told = deadlineMs;
      // What became of it while the line was on its way has woken nobody.
      const since = desk.held(id);
      if (since !== null && deadlineMsOf(pool.state, since.held) === told) await changed(parts, id, ttlMs / 3);
    }
    const past = desk.pastLease(id);
    if (past !== null) yield { outcome: 'ended', id, how: past.how, message: past.message };
    return true;
  } finally {
    await givenBack(parts, id);
  }
}

/** Not where the daemon ends and not the holder: the next one gives it a whole TTL. */
async function givenBack({ desk, signal }: BoundParts, id: string): Promise<void> {
  const there = desk.held(id);
  if (there === null || daemonEnds(signal)) return;
  await desk.ask(there.pool, { type: 'release', id, seat: there.held.seat, token: null, engineFailed: false });
}

function daemonEnds({ aborted, reason }: AbortSignal): boolean {
  return aborted && reason instanceof PooldError && reason.code === 'shutting_down';
}

/** Resolves when something becomes of it, after `limitMs`, or when the connection has gone. */
function changed({ desk, clock, signal }: Pick<BoundParts, 'desk' | 'clock' | 'signal'>, id: string, limitMs: number): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      off();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(limitMs, done);
    const off = desk.onChange(id, done);
    signal.addEventListener('abort', done, { once: true });
  });
}
