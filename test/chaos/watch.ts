/** What whoever looks after the rig sees of a daemon: what it says of engines and leases, and which processes there are. */
import { systemClock } from '../../src/clock.ts';
import type { Rig } from '../machine/rig.ts';
import type { Account } from './account.ts';
import { refusalIn } from './answers.ts';
import type { Answer, Listed, Listing, Use } from './history.ts';

export async function listingOf(rig: Rig): Promise<Listing> {
  const beginMs = systemClock.nowMs();
  const held = await rig.client.leases.list({ pool: null, holder: null, olderMs: null });
  const endMs = systemClock.nowMs();
  // Both clocks of one moment: what the daemon tells by the one is judged by the other.
  const aheadMs = systemClock.wallMs() - systemClock.nowMs();
  const leases = held.map(({ id, holder, engine, slot, heldMs, expiresAt }) => ({
    lease: id,
    holder,
    engine: engine.id,
    generation: engine.generation,
    slot,
    heldMs,
    expiresMs: expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(expiresAt) - aheadMs,
  }));
  return { beginMs, endMs, leases };
}

/** Shows the token of a lease. */
export function verified(rig: Rig, { lease, token, pool }: Account): Promise<Use> {
  const asked = (): Promise<Answer> => rig.client.leases.verify(lease, token).then(() => ({ is: 'verified' }));
  return watched({ kind: 'verify', pool, lease }, asked);
}

/** Takes one away: each start gives a lease new time, so those that nobody has any more would fill all slots. */
export function revoked(rig: Rig, { lease, engine }: Listed): Promise<Use> {
  const asked = (): Promise<Answer> => rig.client.leases.revoke(lease, 'held for long').then(() => ({ is: 'released' }));
  return watched({ kind: 'revoke', pool: engine.slice(0, engine.indexOf('/')), lease }, asked);
}

async function watched(about: Pick<Use, 'kind' | 'pool' | 'lease'>, ask: () => Promise<Answer>): Promise<Use> {
  const beginMs = systemClock.nowMs();
  const answer = await ask().catch(refusalIn);
  return { ...about, client: 'the watch', ttlMs: null, beginMs, endMs: systemClock.nowMs(), answer };
}
