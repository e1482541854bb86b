/** One round: a pool in use, and around one instant whatever its seed has drawn. Afterwards a person wants the pool as it was, and nothing is missing. */
import type { AcquireRequest } from '../../src/lease/lease.ts';
import { poolStateName } from '../../src/pool/standing-state.ts';
import { Dice } from '../sim/dice.ts';
import { Caller } from './callers.ts';
import type { Harm, HolderPlan, RoundPlan } from './draw-round.ts';
import { drawnRound, HELD_FROM } from './draw-round.ts';
import { Broken, freeSlots, holdsAtEnd, holdsNow } from './promises.ts';
import { RaceClock } from './race-clock.ts';
import type { Ground, Plant, RacePool } from './race-pool.ts';

/** Everything is ready, and has been for long. */
const INSTANT_MS = 1_000;
/** Beyond the timeout of everybody who asks in the round. */
const OVER_MS = 600;
/** Beyond every back-off, breaker and deadline there is. */
const MENDED_MS = 15_000;
const LONG_MS = 3_600_000;

export interface Verdict {
  readonly seed: number;
  readonly plan: RoundPlan;
  /** Null: every promise was kept. */
  readonly broken: string | null;
  /** What the callers were answered, in their order. */
  readonly answers: readonly string[];
}

export async function playedRound(ground: Ground, seed: number, plant: Plant = {}): Promise<Verdict> {
  const plan = drawnRound(seed);
  const clock = new RaceClock(new Dice({ seed, only: null }).stream('order'));
  const race = await ground.pool(`race-${seed}`, { race: clock, spec: plan.spec, plant });
  const callers = plan.callers.map((one, at) => new Caller(race, `${one.kind}-${at}`, one));
  try {
    await raced(race, clock, { plan, callers });
    await mended(race, clock, plan);
    return { seed, plan, broken: null, answers: answersOf(callers) };
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    return { seed, plan, broken: error.message, answers: answersOf(callers) };
  } finally {
    ground.left(race);
  }
}

async function raced(
  race: RacePool,
  clock: RaceClock,
  { plan, callers }: { readonly plan: RoundPlan; readonly callers: readonly Caller[] },
): Promise<void> {
  const looked = (): void => holdsNow(race, callers);
  const at = (offset: number, what: () => void): void => void race.clock.after(INSTANT_MS + offset - clock.nowMs, what);
  race.room.ignoresTerm = plan.ignoresTerm;
  await clock.pass(INSTANT_MS + HELD_FROM, looked);
  for (const [index, holder] of plan.holders.entries()) holds(race, `holder-${index}`, { holder, at });
  for (const caller of callers) {
    at(caller.plan.at, () => caller.asks());
    if (caller.plan.leaves !== null) at(caller.plan.leaves, () => caller.hangsUp());
  }
  for (const { at: offset, harm } of plan.harms) at(offset, () => harmed(race, harm));
  await clock.pass(INSTANT_MS + OVER_MS, looked);
}

function holds(
  { leases, pool }: RacePool,
  name: string,
  { holder, at }: { readonly holder: HolderPlan; readonly at: (offset: number, what: () => void) => void },
): void {
  const ttlMs = holder.expires === null ? LONG_MS : holder.expires - HELD_FROM;
  const request: AcquireRequest = { holder: name, ttlMs, waitMs: 0, priority: null, bind: 'ttl', key: null, client: 'race' };
  void leases.acquire(pool.state.name, request, new AbortController().signal).then((lease) => {
    if (lease.outcome !== 'granted') throw new Error(`${name} has no lease`);
    const { id, token } = lease;
    const late = (): void => {};
    if (holder.acts === 'release') at(holder.at, () => void leases.release(id, { by: name, claimed: false, operates: false, token }, null));
    if (holder.acts === 'renew') at(holder.at, () => void leases.renew(id, { token, ttlMs: null }).catch(late));
  });
}

function harmed(race: RacePool, harm: Harm): void {
  if (harm.do === 'crash') race.room.exit(`${race.pool.state.name}/${harm.replica}`);
  else race.tell(harm);
}

/** A person brings the pool back: then as many may lease as there are slots, less those that are held, and not one more. */
async function mended(race: RacePool, clock: RaceClock, { replicas, slots, holders }: RoundPlan): Promise<void> {
  const { pool, leases, tell } = race;
  race.room.ignoresTerm = false;
  tell({ do: 'scale', replicas });
  for (const replica of [null, ...Array.from({ length: replicas }, (_, at) => at)]) {
    tell({ do: 'resume', replica });
    tell({ do: 'start', replica });
  }
  tell({ do: 'reset', class: null, forget: true });
  await clock.pass(INSTANT_MS + OVER_MS + MENDED_MS, () => holdsNow(race, []));
  const name = poolStateName(pool.state);
  if (name !== 'running') throw new Broken(`the pool is ${name} although everything was done to have it running`);
  const held = leases.leases({ pool: pool.state.name, holder: null, olderMs: null }).map(({ holder }) => holder);
  const keep = new Set(holders.map(({ expires, acts }, at) => (expires === null && acts !== 'release' ? `holder-${at}` : null)));
  const ghost = held.find((holder) => !keep.has(holder));
  if (ghost !== undefined) throw new Broken(`${ghost} still holds a slot, which he gave back or let go`);
  const live = held.length;
  const free = replicas * slots - live;
  if (freeSlots(pool.state, clock.nowMs, false) !== free)
    throw new Broken(`of ${replicas * slots} slots ${live} are held, and ${free} are not free`);
  const request: AcquireRequest = { holder: 'last', ttlMs: null, waitMs: 0, priority: null, bind: 'ttl', key: null, client: 'race' };
  const signal = new AbortController().signal;
  const asked = Array.from({ length: free + 1 }, () =>
    leases.acquire(pool.state.name, request, signal).then(
      () => 'granted',
      ({ code }) => String(code),
    ),
  );
  await clock.pass(clock.nowMs, () => holdsNow(race, []));
  const answers = (await Promise.all(asked)).join(' ');
  const right = [...Array.from({ length: free }, () => 'granted'), 'no_free_slot'].join(' ');
  if (answers !== right) throw new Broken(`of ${free} free slots these could be had: ${answers}`);
  holdsAtEnd(race);
}

function answersOf(callers: readonly Caller[]): string[] {
  return callers.map(({ plan, answers }) => `${plan.kind}: ${answers.join(', ') || 'no answer'}`);
}
