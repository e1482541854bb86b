/** One round of test/races against a real daemon: the same draws, real engines, real timers, and callers that come over HTTP. */
import type { Client } from '../../src/client/client.ts';
import { ClientError } from '../../src/client/client-error.ts';
import type { AcquireOrder } from '../../src/client/lease-client.ts';
import { pause, systemClock } from '../../src/clock.ts';
import type { Granted } from '../../src/lease/lease.ts';
import type { CallerPlan, Harm, RoundPlan } from '../races/draw-round.ts';
import { drawnRound, HELD_FROM } from '../races/draw-round.ts';
import type { Rig } from './rig.ts';
import { killIfThere, until } from './rig.ts';

/** An answer comes with the timeout that its caller has asked for; this much more is for a machine that others use too. */
const GRACE_MS = 5_000;
const NO_WAIT = { ttlMs: 60_000, waitMs: 0, priority: null, key: null };

export interface Place {
  readonly rig: Rig;
  readonly pool: string;
  readonly replicas: number;
  readonly slots: number;
}

/** As Promise.all, but nothing is under way any more when it throws. */
export async function settled<T extends readonly unknown[]>(all: readonly [...{ [K in keyof T]: Promise<T[K]> }]): Promise<T>;
export async function settled<T>(all: readonly Promise<T>[]): Promise<T[]>;
export async function settled<T>(all: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(all);
  return Promise.all(all);
}

/** What the callers were told; throws where a promise was broken. */
export async function racedOverHttp(place: Place, seed: number): Promise<string[]> {
  const plan = drawnRound(seed, place);
  const { client } = place.rig;
  const instantMs = systemClock.nowMs() - HELD_FROM;
  const at = (offset: number): Promise<void> => pause(systemClock, instantMs + offset - systemClock.nowMs());
  const holders = await settled(
    plan.holders.map((holder, index) =>
      holding(place, { name: `holder-${index}`, ttlMs: holder.expires === null ? 60_000 : holder.expires - HELD_FROM }),
    ),
  );
  const acts = holders.map(async (lease, index) => {
    const { acts: act, at: offset } = plan.holders[index] ?? { acts: null, at: 0 };
    await at(offset);
    if (act === 'release') await client.leases.release(lease.id, { token: lease.token, outcome: null });
    if (act === 'renew') await allowed(client.leases.renew(lease.id, { token: lease.token, ttlMs: null }));
  });
  const harms = harming(place, plan, at);
  const callers = plan.callers.map((caller, index) => asking(place, { caller, name: `${caller.kind}-${index}`, at }));
  const [answers] = await settled([settled(callers), settled([...acts, harms])]);
  for (const { id, token } of holders) await client.leases.release(id, { token, outcome: null });
  await mended(place);
  return answers;
}

async function holding({ rig, pool }: Place, { name, ttlMs }: { readonly name: string; readonly ttlMs: number }): Promise<Granted> {
  const lease = await rig.client.leases.acquire(pool, { ...NO_WAIT, holder: name, ttlMs });
  if (lease.outcome !== 'granted') throw new Error(`${name} has no lease`);
  return lease;
}

async function harming({ rig, pool }: Place, { harms }: RoundPlan, at: (offset: number) => Promise<void>): Promise<void> {
  const { engines } = await rig.pool(pool);
  const pids = new Map(engines.map(({ id, pid }) => [id, pid]));
  const harmed = async (harm: Harm): Promise<void> => {
    if (harm.do !== 'crash') return allowed(rig.client.act(pool, harm as Exclude<Harm, { do: 'crash' | 'reload' }>, null));
    const pid = pids.get(`${pool}/${harm.replica}`);
    if (pid != null) killIfThere(pid);
  };
  await settled(harms.map(({ at: offset, harm }) => at(offset).then(() => harmed(harm))));
}

/** What it was answered. Fails when there was no answer in its time, or none that is declared. */
async function asking(
  place: Place,
  { caller, name, at }: { readonly caller: CallerPlan; readonly name: string; readonly at: (offset: number) => Promise<void> },
): Promise<string> {
  const connection = new AbortController();
  await at(caller.at);
  if (caller.leaves !== null) void at(caller.leaves).then(() => connection.abort());
  const over = new AbortController();
  const late = systemClock.after(caller.timeoutMs + GRACE_MS, () => over.abort());
  const lost = new Promise<never>((_, failed) =>
    over.signal.addEventListener('abort', () =>
      failed(new Error(`${name} of ${place.pool} has no answer after ${caller.timeoutMs + GRACE_MS} ms`)),
    ),
  );
  const told =
    caller.kind === 'bound' ? reads(place, { caller, name, connection }) : waits(place, { caller, name, signal: connection.signal });
  try {
    return `${caller.kind}: ${await Promise.race([told.catch(refusedBy), lost])}`;
  } finally {
    late.cancel();
  }
}

interface Asking {
  readonly caller: CallerPlan;
  readonly name: string;
}

async function waits({ rig, pool }: Place, { caller, name, signal }: Asking & { readonly signal: AbortSignal }): Promise<string> {
  const { leases } = rig.client;
  const first = await leases.acquire(pool, orderOf(caller, name), signal);
  if (first.outcome === 'granted') return given(rig.client, caller, first);
  if (caller.kind === 'forgets') return 'queued';
  for (;;) {
    const status = await leases.ticket(first.id, caller.pollMs, signal);
    if (status.state === 'queued') continue;
    if (status.lease !== null) return given(rig.client, caller, status.lease);
    return status.state === 'granted' ? 'granted and over' : (status.error?.code ?? status.state);
  }
}

async function reads(
  { rig, pool }: Place,
  { caller, name, connection }: Asking & { readonly connection: AbortController },
): Promise<string> {
  let answer = 'left';
  for await (const line of rig.client.leases.acquireBound(pool, orderOf(caller, name), connection.signal)) {
    if (line.outcome === 'refused') answer = line.code;
    if (line.outcome !== 'granted') continue;
    answer = 'granted';
    // Whoever is bound lets go by hanging up.
    systemClock.after(caller.holdsMs ?? caller.ttlMs, () => connection.abort());
  }
  if (answer === 'left' && !connection.signal.aborted) throw new Error(`the lines of ${name} ended without an answer`);
  return answer;
}

async function given({ leases }: Client, { holdsMs }: CallerPlan, { id, token }: Granted): Promise<string> {
  if (holdsMs === null) return 'granted';
  await pause(systemClock, holdsMs);
  await leases.release(id, { token, outcome: null });
  return 'granted';
}

function orderOf({ kind, timeoutMs, priority, ttlMs }: CallerPlan, holder: string): AcquireOrder {
  const waitMs = kind === 'refuse' ? 0 : kind === 'held' ? timeoutMs : null;
  return { holder, ttlMs, waitMs, ticketMs: waitMs === null ? timeoutMs : null, priority, key: null };
}

function refusedBy(error: unknown): string {
  if (!(error instanceof ClientError)) throw error;
  if (error.code === 'aborted') return 'left';
  if (error.facts.status === 503 || error.code === 'queue_full') return error.code;
  throw error;
}

/** What is refused is refused: whether it may be is tested elsewhere. */
async function allowed(asked: Promise<unknown>): Promise<void> {
  await asked.catch((error: unknown) => {
    if (!(error instanceof ClientError) || error.facts.status === null) throw error;
  });
}

/** A person brings the pool back: then as many may lease as there are slots, and not one more. */
async function mended(place: Place): Promise<void> {
  const { rig, pool, replicas, slots } = place;
  const { client } = rig;
  await allowed(client.act(pool, { do: 'scale', replicas }, null));
  for (const replica of [null, ...Array.from({ length: replicas }, (_, index) => index)]) {
    await allowed(client.act(pool, { do: 'resume', replica }, null));
    // Refused while a breaker is open, which the next death of this round may do again.
    await until(`${pool} is started again`, async () => {
      await client.act(pool, { do: 'reset', class: null, forget: true }, null);
      return client.act(pool, { do: 'start', replica }, null);
    });
  }
  await until(`${pool} is as it was, and nobody holds or waits`, async () => {
    const { state, ready, activeLeases, slotsTotal, slotsFree, queueDepth, message } = await rig.pool(pool);
    const is = { state, ready, activeLeases, slotsTotal, slotsFree, queueDepth };
    if (state === 'running' && activeLeases === 0 && queueDepth === 0 && slotsTotal === replicas * slots && slotsFree === slotsTotal)
      return true;
    throw new Error(`${JSON.stringify(is)} ${message}`);
  });
  const holders = Array.from({ length: replicas * slots }, (_, index) => `last-${index}`);
  const all = await settled(holders.map((name) => holding(place, { name, ttlMs: 60_000 })));
  const beyond = await client.leases.acquire(pool, { ...NO_WAIT, holder: 'beyond' }).catch(refusedBy);
  if (beyond !== 'no_free_slot') throw new Error(`of ${pool} more leases were granted than it has slots: ${JSON.stringify(beyond)}`);
  await settled(all.map(({ id, token }) => client.leases.release(id, { token, outcome: null })));
}
