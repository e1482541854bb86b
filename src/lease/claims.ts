/** What is granted to somebody who waited has to be claimed by him, or goes back. */
import type { Pool } from '../pool/pool.ts';
import type { LeaseDesk } from './lease-desk.ts';
import type { Held, LeaseAnswer } from './lease-events.ts';
import { faultOf } from './lease-faults.ts';

/** Somebody is told of a promotion: that is stored first, or it would be lost with the daemon. */
export async function claimed(
  desk: LeaseDesk,
  pool: Pool,
  held: Held,
): Promise<Extract<LeaseAnswer, { is: 'granted' | 'renewed' | 'claimed' }>> {
  const answer = await desk.ask(pool, { type: 'claim', id: held.lease.id, seat: held.seat, token: null });
  if (answer.is !== 'claimed') throw faultOf(desk, answer, held.lease.id);
  return { is: 'granted', held: answer.held };
}

/** Null where it has ended just before: at the end of the time to claim it, with its engine. That is no fault of whoever asks. */
export async function claimedIfHeld(desk: LeaseDesk, pool: Pool, held: Held): Promise<Held | null> {
  if (held.lease.claimByMs === null) return held;
  const answer = await desk.ask(pool, { type: 'claim', id: held.lease.id, seat: held.seat, token: null });
  if (answer.is === 'gone') return null;
  if (answer.is !== 'claimed') throw faultOf(desk, answer, held.lease.id);
  return answer.held;
}

export async function givenBack(desk: LeaseDesk, id: string): Promise<void> {
  const there = desk.held(id);
  if (there !== null) await desk.ask(there.pool, { type: 'release', id, seat: there.held.seat, token: null, engineFailed: false });
}
