/** Leases as a test holds them, with the moments between which they were given out: what is early or late is judged by those, not by what the daemon says. */
import { ClientError } from '../../src/client/client-error.ts';
import { systemClock } from '../../src/clock.ts';
import type { Granted, LeaseStatus } from '../../src/lease/lease.ts';
import type { Rig } from './rig.ts';
import { until } from './rig.ts';

export interface Holding {
  readonly lease: Granted;
  /** Monotonic: it was granted after the first and before the second. */
  readonly askedMs: number;
  readonly toldMs: number;
}

/** A slot that is free, or the refusal as an error. */
export async function take(
  rig: Rig,
  pool: string,
  { holder, ttlMs }: { readonly holder: string; readonly ttlMs: number },
): Promise<Holding> {
  const askedMs = systemClock.nowMs();
  const lease = await rig.client.leases.acquire(pool, { holder, ttlMs, waitMs: 0, priority: null, key: null });
  if (lease.outcome !== 'granted') throw new Error(`${holder} was not granted a slot of ${pool} but ${lease.outcome}`);
  return { lease, askedMs, toldMs: systemClock.nowMs() };
}

/** The word for its end, or the lease while it is held. */
export async function stateOf(rig: Rig, { lease }: Holding): Promise<LeaseStatus | { readonly how: string }> {
  try {
    return await rig.client.leases.lease(lease.id);
  } catch (error) {
    if (error instanceof ClientError && error.code === 'lease_ended') return { how: error.facts.reason ?? '' };
    throw error;
  }
}

/** Waits for its end; how, and between which moments after the grant: at the least, at the most. */
export async function endOf(
  rig: Rig,
  holding: Holding,
): Promise<{ readonly how: string; readonly atLeastMs: number; readonly atMostMs: number }> {
  let lookedMs = systemClock.nowMs();
  let heldAtMs = lookedMs;
  const how = await until(`the lease of ${holding.lease.id} ends`, async () => {
    heldAtMs = lookedMs;
    const state = await stateOf(rig, holding);
    lookedMs = systemClock.nowMs();
    return 'how' in state && state.how;
  });
  return { how, atLeastMs: heldAtMs - holding.toldMs, atMostMs: lookedMs - holding.askedMs };
}
