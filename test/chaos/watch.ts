/** What whoever looks after the rig sees of a daemon: what it says of engines and leases, and which processes there are. */
import { systemClock } from '../../src/clock.ts';
import type { Rig } from '../machine/rig.ts';
import type { Account } from './account.ts';
import { refusalIn } from './client.ts';
import type { Answer, Listing, Use } from './history.ts';

export async function listingOf(rig: Rig): Promise<Listing> {
  const beginMs = systemClock.nowMs();
  const held = await rig.client.leases.list({ pool: null, holder: null, olderMs: null });
  const endMs = systemClock.nowMs();
  // Both clocks of one moment: what the daemon tells by the one is judged by the other.
  const aheadMs = systemClock.wallMs() - systemClock.nowMs();
  const leases = held.map(({ id, holder, engine, slot, expiresAt }) => ({
    lease: id,
    holder,
    engine: engine.id,
    slot,
    expiresMs: expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(expiresAt) - aheadMs,
  }));
  return { beginMs, endMs, leases };
}

/** Shows the token of a lease. */
export async function verified(rig: Rig, { lease, token, pool }: Account): Promise<Use> {
  const beginMs = systemClock.nowMs();
  const asked = rig.client.leases.verify(lease, token).then((): Answer => ({ is: 'verified' }));
  const answer = await asked.catch(refusalIn);
  return { kind: 'verify', client: 'the watch', pool, lease, ttlMs: null, beginMs, endMs: systemClock.nowMs(), answer };
}
