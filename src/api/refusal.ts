/** Why a pool takes no work: what a balancer is told. */
import { counted } from '../config/counted.ts';
import type { Code, Facts } from '../errors.ts';
import { PooldError } from '../errors.ts';
import { MAINTENANCE_RETRY_MS } from '../pool/drain-facts-state.ts';
import type { Operation, PoolStatus } from '../pool/status.ts';

export interface AsItStands {
  readonly readyEngines: number;
  readonly wallMs: number;
  /** Of the pool, the newest first. */
  readonly operations: readonly Operation[];
}

/** A pool that drains or pauses takes nothing, however many of its engines are ready. */
export function takesWork(pool: PoolStatus): boolean {
  return pool.ready && !['draining', 'drained', 'paused', 'stopped'].includes(pool.state);
}

export function cannotServe(pool: PoolStatus, now: AsItStands): PooldError {
  const { state, message } = pool;
  return new PooldError(
    refusalOf(pool),
    `cannot send work to ${pool.pool}: it is ${state} with ${now.readyEngines} of ${counted(pool.replicas, 'engine')} ready${message === null ? '' : `; ${message}`}`,
    { pool: pool.pool, ...factsOf(pool, now) },
  );
}

/** The same for whoever asks of the daemon whether its pools are ready. */
export function notReady(pool: PoolStatus, message: string, now: Pick<AsItStands, 'wallMs' | 'operations'>): PooldError {
  return new PooldError(refusalOf(pool), message, { pool: pool.pool, ...factsOf(pool, now) });
}

function refusalOf(pool: PoolStatus): Code {
  switch (pool.state) {
    case 'stopped':
      return 'pool_stopped';
    case 'draining':
    case 'drained':
      return 'pool_draining';
    case 'paused':
      return 'pool_paused';
    default:
      if (pool.reason === 'breaker_open') return 'breaker_open';
      return pool.state === 'failed' ? 'pool_failed' : 'no_ready_engine';
  }
}

function factsOf(pool: PoolStatus, { wallMs, operations }: Pick<AsItStands, 'wallMs' | 'operations'>): Facts {
  const drains = pool.state === 'draining';
  if (drains || pool.state === 'drained') {
    const deadlineAt = operations.find(({ kind, state }) => kind === 'drain' && state === 'running')?.progress.deadlineAt ?? null;
    return {
      reason: 'MAINTENANCE',
      maintenance: { type: 'drain', allowsQueueProcessing: drains, acceptsNewConnections: false },
      retryAfterMs: drains && deadlineAt !== null ? Math.max(0, Date.parse(deadlineAt) - wallMs) : MAINTENANCE_RETRY_MS,
    };
  }
  const retryAfterMs = nextChangeMs(pool, wallMs);
  return { ...(pool.reason === null ? {} : { reason: pool.reason }), ...(retryAfterMs === null ? {} : { retryAfterMs }) };
}

/** Until the next start that is due or the end of the open breaker, whichever comes first. */
function nextChangeMs(pool: PoolStatus, wallMs: number): number | null {
  const stamps = [pool.breaker.openUntil, ...pool.engines.map((engine) => engine.nextStartAt)];
  const dueMs = stamps.filter((stamp) => stamp !== null).map((stamp) => Date.parse(stamp) - wallMs);
  return dueMs.length === 0 ? null : Math.max(0, Math.min(...dueMs));
}
