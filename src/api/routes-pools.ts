/** Routes that ask about pools and operations: none of them changes anything. */
import { z } from 'zod';
import { PooldError } from '../errors.ts';
import type { HistoryEntry } from '../pool/host.ts';
import { LIMITS } from './limits.ts';
import { cannotServe, takesWork } from './refusal.ts';
import { count, NONE, OPERATION, POOL, poolFilter, replicaFilter, since, wait } from './requests.ts';
import type { Route } from './route.ts';
import { route } from './route.ts';
import { explanation, historyEntry, listOf, operation, poolReady, poolStatus } from './schemas.ts';
import { sinceMs } from './since.ts';

export const POOL_ROUTES: readonly Route[] = [
  route({
    id: 'listPools',
    method: 'GET',
    path: '/v1/pools',
    access: 'read',
    says: 'All pools with their engines',
    params: NONE,
    query: NONE,
    body: null,
    answers: [{ status: 200, says: 'The pools, by name', schema: listOf(poolStatus) }],
    handle: ({ host }) => ({ status: 200, body: { items: host.pools() } }),
  }),
  statusRoute('getPool', '/v1/pools/{pool}'),
  statusRoute('getPoolStatus', '/v1/pools/{pool}/status'),
  route({
    id: 'getPoolReady',
    method: 'GET',
    path: '/v1/pools/{pool}/ready',
    access: 'read',
    says: 'For balancers: 200 while at least `min` engines are ready and new work is taken',
    params: POOL,
    query: z.strictObject({ min: count({ from: 1, to: 10_000 }) }),
    body: null,
    answers: [{ status: 200, says: 'It can serve', schema: poolReady }],
    refusals: ['pool_not_found', 'no_ready_engine', 'pool_stopped', 'pool_failed', 'breaker_open', 'pool_draining', 'pool_paused'],
    handle: ({ host, clock }, { params, query }) => {
      const pool = host.pool(params.pool);
      const readyEngines = pool.engines.filter((engine) => engine.ready && engine.state !== 'external').length;
      if (!takesWork(pool) || readyEngines < (query.min ?? 1))
        throw cannotServe(pool, { readyEngines, wallMs: clock.wallMs(), operations: host.operations(pool.pool) });
      return { status: 200, body: { pool: pool.pool, ready: true, readyEngines } };
    },
  }),
  route({
    id: 'explainPool',
    method: 'GET',
    path: '/v1/pools/{pool}/explain',
    access: 'read',
    says: 'Which rules hold the pool or an engine back, and what ends that',
    params: POOL,
    query: z.strictObject({ replica: replicaFilter }),
    body: null,
    answers: [{ status: 200, says: 'The rules', schema: listOf(explanation) }],
    refusals: ['pool_not_found', 'engine_not_found'],
    handle: ({ host }, { params, query }) => ({ status: 200, body: { items: host.explain(params.pool, query.replica ?? null) } }),
  }),
  route({
    id: 'poolHistory',
    method: 'GET',
    path: '/v1/pools/{pool}/history',
    access: 'read',
    says: 'Generations that have ended, newest first',
    params: POOL,
    query: z.strictObject({ replica: replicaFilter, since, limit: count({ from: 1, to: LIMITS.historyEntries }) }),
    body: null,
    answers: [{ status: 200, says: 'The generations', schema: listOf(historyEntry) }],
    refusals: ['pool_not_found', 'engine_not_found'],
    handle: ({ host, clock }, { params, query }) => {
      const entries = host.history(params.pool, {
        replica: query.replica ?? null,
        sinceMs: query.since === undefined ? null : instant(query.since, clock.wallMs()),
        limit: query.limit ?? 50,
      });
      return { status: 200, type: 'application/json', pieces: listInPieces(entries), heartbeat: null, follows: false };
    },
  }),
  route({
    id: 'listOperations',
    method: 'GET',
    path: '/v1/operations',
    access: 'read',
    says: 'The operations that are kept, newest first',
    params: NONE,
    query: z.strictObject({ pool: poolFilter }),
    body: null,
    answers: [{ status: 200, says: 'The operations', schema: listOf(operation) }],
    refusals: ['pool_not_found'],
    handle: ({ host }, { query }) => ({ status: 200, body: { items: host.operations(query.pool ?? null) } }),
  }),
  route({
    id: 'getOperation',
    method: 'GET',
    path: '/v1/operations/{id}',
    access: 'read',
    says: 'One operation; with `wait` as soon as it has ended',
    params: OPERATION,
    query: z.strictObject({ wait }),
    body: null,
    answers: [{ status: 200, says: 'As it stands', schema: operation }],
    refusals: ['operation_not_found'],
    handle: async ({ host }, { params, query }) => ({
      status: 200,
      body: query.wait === undefined ? host.operation(params.id) : await host.operationEnded(params.id, query.wait),
    }),
  }),
];

/** Wall-clock milliseconds of a `since`. Throws PooldError `invalid_request`. */
export function instant(text: string, wallMs: number): number {
  const atMs = sinceMs(text, wallMs);
  if (atMs === null)
    throw new PooldError(
      'invalid_request',
      'cannot accept the query of the request: since: a date (2026-11-03T08:00:00Z) or a duration (90s, 8h)',
    );
  return atMs;
}

function statusRoute(id: string, path: string): Route {
  return route({
    id,
    method: 'GET',
    path,
    access: 'read',
    says: 'One pool with its engines',
    params: POOL,
    query: NONE,
    body: null,
    answers: [{ status: 200, says: 'The pool', schema: poolStatus }],
    refusals: ['pool_not_found'],
    handle: ({ host }, { params }) => ({ status: 200, body: host.pool(params.pool) }),
  });
}

/** A thousand crash records with their last lines are 64 MB as one text: they go out one by one. */
async function* listInPieces(entries: readonly HistoryEntry[]): AsyncGenerator<string> {
  let separator = '{"items":[';
  for (const entry of entries) {
    yield separator + JSON.stringify(entry);
    separator = ',';
  }
  yield entries.length === 0 ? '{"items":[]}' : ']}';
}
