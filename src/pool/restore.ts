/** The start of the daemon: stored pools and the file's word become pools at work. ORDER: find what lives, take it in, then let the file decide. */
import { createHash } from 'node:crypto';
import type { PoolSpec } from '../config/spec.ts';
import { sameSpec } from '../config/stored-spec.ts';
import { livePhase } from '../engine/engine-state.ts';
import type { EngineRef, Identity } from '../engine/identity.ts';
import { PooldError } from '../errors.ts';
import { failpoint } from '../failpoint.ts';
import type { EndedLease, Held } from '../lease/lease-events.ts';
import type { Lease } from '../lease/lease-state.ts';
import { setsKept, withSets } from '../rollout/plan-state.ts';
import type { LeaseRow, Stored } from '../store/store.ts';
import { EMPTY_BATCH } from '../store/store.ts';
import { livingOf, orderOf } from './effect-runner.ts';
import type { PoolParts } from './pool.ts';
import { Pool } from './pool.ts';
import type { PoolState } from './pool-state.ts';
import { newPool, restored } from './pool-state.ts';
import type { Findings, Found, Order } from './room.ts';
import { endedRows } from './rows.ts';
import type { KnownPool } from './stored-pools.ts';
import { storedPools } from './stored-pools.ts';
import { allEngines, currentSpec } from './turn.ts';

export interface Restored {
  readonly pools: readonly Pool[];
  /** Engines that went on without a daemon, and those that ended meanwhile. */
  readonly adopted: number;
  readonly ended: number;
  /** Engines of ours that no pool takes: they run on, and nobody looks after them. */
  readonly unknown: readonly EngineRef[];
  /** Leases that were stored and cannot be taken up: what they were on is not known any more, or they cannot be read. */
  readonly lost: readonly LostLease[];
}

export interface LostLease {
  readonly pool: string;
  /** Null where not even that can be read. */
  readonly id: string | null;
  readonly holder: string | null;
}

/**
 * Which spec it is: one that the pool knows already keeps its id, so that engines do not run by an older one because poold has learnt a key since;
 * any other is named by its text.
 */
export function specIdIn({ specs, specId }: Pick<PoolState, 'specs' | 'specId'>, spec: PoolSpec): string {
  const known = [specId, ...Object.keys(specs)];
  return known.find((id) => specs[id] !== undefined && sameSpec(specs[id], spec)) ?? specIdOf(spec);
}

function specIdOf(spec: PoolSpec): string {
  return createHash('sha256').update(JSON.stringify(spec)).digest('hex').slice(0, 16);
}

export interface RestoreOptions {
  readonly stored: Stored;
  /** The file's word. */
  readonly specs: readonly PoolSpec[];
  /** The store was damaged: what it knew may be less than what runs and what was counted. */
  readonly damaged: boolean;
}

export async function restorePools(parts: PoolParts, options: RestoreOptions): Promise<Restored> {
  const { stored, specs, damaged } = options;
  const known = storedPools(stored);
  const { epoch } = parts.store;
  const candidates = known.flatMap(({ state }) => candidatesOf(state));
  const counts = damaged ? await countsOf(parts, specs) : [];
  const { found, strays } = await parts.room.find(candidates.filter(({ spawned }) => spawned));
  failpoint('adopt:found');
  const answers = found[Symbol.iterator]();
  const pools = new Map(known.map(({ bootId, state }) => [state.name, poolOf(parts, bootId, state)]));
  // ORDER: what still loads on a device has its place before anything is granted another.
  for (const { order, loading } of candidates) if (loading) parts.gate.found({ ref: order.ref, device: order.device });
  for (const { order, spawned } of candidates) {
    const what: Found = spawned ? (answers.next().value ?? { is: 'unproven', identity: null }) : { is: 'neverStarted' };
    const pool = pools.get(order.ref.pool);
    if (pool !== undefined) takeIn(parts, pool, { ref: order.ref, what });
  }
  for (const spec of specs.filter(({ name }) => !pools.has(name))) {
    pools.set(spec.name, new Pool(parts, restored(newPool({ spec, specId: specIdOf(spec), nowMs: parts.clock.nowMs() }), epoch), null));
  }
  const unknown = strays.filter((stray) => !recover(parts, pools.get(stray.ref.pool), stray));
  for (const ref of counts) pools.get(ref.pool)?.post({ type: 'counted', replica: ref.replica, generation: ref.generation });
  // All are found before the first is told to go on: ports and devices of the living are reserved by then.
  const inFile = new Map(specs.map((spec) => [spec.name, spec]));
  for (const pool of pools.values()) {
    const spec = inFile.get(pool.state.name) ?? null;
    const specId = spec === null ? pool.state.specId : specIdIn(pool.state, withSets(spec, setsKept(pool.state.sets, spec)));
    pool.post({ type: 'configured', spec, specId });
  }
  const count = (is: Found['is']): number => found.filter((what) => what.is === is).length;
  const unreadable = stored.lostLeases.map((pool) => ({ pool, id: null, holder: null }));
  const lost = [...lostEnded(parts, lostOf(stored, known)), ...unreadable];
  const adopted = count('alive') + strays.length - unknown.length;
  return {
    pools: [...pools.values()],
    adopted,
    ended: count('ended'),
    unknown: unknown.map(({ ref }) => ref),
    lost,
  };
}

function lostOf(stored: Stored, known: readonly KnownPool[]): LeaseRow<string>[] {
  const names = new Set(known.map(({ state }) => state.name));
  return [...stored.leases.filter(({ pool }) => !names.has(pool)), ...known.flatMap(({ lost }) => lost)];
}

/** Each ends once: its row goes, and whoever asks for it is told for a while. Without room on the disk that is the next daemon's to do. */
function lostEnded({ store, leases, clock }: PoolParts, rows: readonly LeaseRow<string>[]): LostLease[] {
  const ends = rows.map(({ pool, replica, generation, slot, lease: text }) => {
    const held: Held = { lease: JSON.parse(text) as Lease, seat: { replica, generation, slot } };
    const ended: EndedLease = { held, how: 'lost', endedAtMs: clock.wallMs(), heldMs: 0, message: 'what it was on is not known any more' };
    return { pool, ended };
  });
  try {
    const gone = rows.map((row) => ({ ...row, lease: null }));
    if (rows.length > 0) store.commit({ ...EMPTY_BATCH, leases: gone, ended: ends.flatMap(({ pool, ended }) => endedRows(pool, ended)) });
  } catch (error) {
    if (!(error instanceof PooldError) || error.code !== 'storage_full') throw error;
  }
  for (const { pool, ended } of ends) leases.leaseEnded(pool, ended);
  return ends.map(({ pool, ended: { held } }) => ({ pool, id: held.lease.id, holder: held.lease.holder }));
}

/** The generations that were given out before the store was damaged, as the logs tell. */
async function countsOf(parts: PoolParts, specs: readonly PoolSpec[]): Promise<EngineRef[]> {
  const replicas = specs.flatMap((spec) => Array.from({ length: spec.replicas }, (_, replica) => ({ spec, replica })));
  const counted = await Promise.all(
    replicas.map(async ({ spec, replica }) => ({ pool: spec.name, replica, generation: await parts.room.lastGeneration(spec, replica) })),
  );
  return counted.filter(({ generation }) => generation > 0);
}

/** False when no pool takes it: its pool is gone, or has another engine in that place. */
function recover(parts: PoolParts, pool: Pool | undefined, stray: Findings['strays'][number]): boolean {
  if (pool === undefined) return false;
  const { ref, identity, port, device, side } = stray;
  const about = { replica: ref.replica, generation: ref.generation };
  const spec = currentSpec(pool.state);
  // ORDER: the room knows it before the pool orders its probes.
  parts.room.recover({ ref, identity, port, device, side, spec });
  pool.post({ type: 'recovered', ...about, identity, port, device, side });
  const living = livingOf(pool.state, ref);
  if (living === null) return false;
  parts.room.watchEnd(living, (exit) => pool.post({ type: 'exited', ...about, exit }));
  return true;
}

function poolOf(parts: PoolParts, bootId: string, state: PoolState): Pool {
  const pool = new Pool(parts, restored(state, parts.store.epoch), state);
  if (bootId !== parts.bootId) pool.post({ type: 'rebooted' });
  return pool;
}

interface Candidate {
  readonly order: Order;
  readonly identity: Identity | null;
  /** Its intent was stored, so there may be a process. */
  readonly spawned: boolean;
  /** It was spawned and has not been ready yet: whatever it has become, it gives its device back when that is known. */
  readonly loading: boolean;
}

function candidatesOf(state: PoolState): Candidate[] {
  return allEngines(state).flatMap((engine) => {
    const live = livePhase(engine);
    const order = orderOf(state, { pool: state.name, replica: engine.replica, generation: engine.generation });
    if (live === null || order === null) return [];
    const unspawned = live.is === 'starting' && live.step !== 'spawning' && live.step !== 'probing';
    return [{ order, identity: live.run.identity, spawned: !unspawned, loading: !unspawned && live.run.firstReadyMs === null }];
  });
}

function takeIn(parts: PoolParts, pool: Pool, { ref, what }: { readonly ref: EngineRef; readonly what: Found }): void {
  const about = { replica: ref.replica, generation: ref.generation };
  switch (what.is) {
    case 'alive': {
      pool.post({ type: 'adopted', ...about, identity: what.identity });
      const living = livingOf(pool.state, ref);
      if (living !== null) parts.room.watchEnd(living, (exit) => pool.post({ type: 'exited', ...about, exit }));
      return;
    }
    case 'ended':
      return pool.post({ type: 'endedMeanwhile', ...about, identity: what.identity, exit: what.exit });
    case 'neverStarted':
      return pool.post({ type: 'neverStarted', ...about });
    case 'unproven':
      return pool.post({ type: 'unproven', ...about, ...(what.identity === null ? {} : { identity: what.identity }) });
  }
}
