/** Routes of leases: acquire, hold, give back, and who holds what. */
import type { z } from 'zod';
import type { Code } from '../errors.ts';
import type { AcquireRequest, BoundLine } from '../lease/lease.ts';
import { actorOf } from './acting.ts';
import {
  acquireBody,
  IDEMPOTENCY_KEY,
  idempotencyKeyOf,
  LEASE_TOKEN,
  leaseQuery,
  leaseTokenOf,
  releaseQuery,
  renewBody,
  revokeBody,
  tokenBody,
} from './lease-requests.ts';
import { LEASE, NONE, POOL } from './requests.ts';
import { allows } from './roles.ts';
import type { Answer, Call, Route, StreamReply } from './route.ts';
import { route } from './route.ts';
import { listOf } from './schemas.ts';
import { boundLine, granted, lease, queued, released, renewed } from './schemas-leases.ts';

const NDJSON = 'application/x-ndjson';

/** A pool that cannot serve, or a queue that takes no more. */
const NOT_SERVED: readonly Code[] = [
  'pool_not_found',
  'pool_draining',
  'pool_paused',
  'pool_stopped',
  'pool_failed',
  'breaker_open',
  'no_ready_engine',
  'no_free_slot',
  'queue_full',
  'queue_timeout',
  'conflict',
  'storage_full',
  'shutting_down',
];
const NOT_HELD: readonly Code[] = ['lease_not_found', 'lease_ended', 'stale_token'];
const BOUND: Answer = { status: 200, says: 'One JSON object per line; its end is the release', schema: boundLine, type: NDJSON };

export const LEASE_ROUTES: readonly Route[] = [
  route({
    id: 'acquireLease',
    method: 'POST',
    path: '/v1/pools/{pool}/leases',
    access: 'lease',
    streams: true,
    says: 'Ask for a slot of a ready engine: a lease, a place in the queue, or why not',
    headers: [IDEMPOTENCY_KEY],
    params: POOL,
    query: NONE,
    body: acquireBody,
    answers: [
      { ...BOUND, says: 'With `bind: connection`: one JSON object per line, `queued` or `granted` first; its end is the release' },
      { status: 201, says: 'Granted', schema: granted },
      { status: 202, says: 'Queued: ask for the ticket, or it leaves', schema: queued },
    ],
    refusals: NOT_SERVED,
    handle: async ({ host }, call) => {
      const { pool } = call.params;
      const request = requestOf(call);
      if (request.bind === 'connection') return streamOf(host.leases.acquireBound(pool, request, call.signal));
      const acquired = await host.leases.acquire(pool, request, call.signal);
      return acquired.outcome === 'granted'
        ? { status: 201, body: acquired, headers: { location: `/v1/leases/${acquired.id}` } }
        : { status: 202, body: acquired, headers: { location: `/v1/tickets/${acquired.id}` } };
    },
  }),
  route({
    id: 'listLeases',
    method: 'GET',
    path: '/v1/leases',
    access: 'read',
    says: 'The leases that are held, the oldest first',
    params: NONE,
    query: leaseQuery,
    body: null,
    answers: [{ status: 200, says: 'The leases', schema: listOf(lease) }],
    refusals: ['pool_not_found'],
    handle: ({ host }, { query }) => {
      const filter = { pool: query.pool ?? null, holder: query.holder ?? null, olderMs: query.older ?? null };
      return { status: 200, body: { items: host.leases.leases(filter) } };
    },
  }),
  route({
    id: 'getLease',
    method: 'GET',
    path: '/v1/leases/{id}',
    access: 'read',
    says: 'One lease',
    params: LEASE,
    query: NONE,
    body: null,
    answers: [{ status: 200, says: 'It is held', schema: lease }],
    refusals: ['lease_not_found', 'lease_ended'],
    handle: ({ host }, { params }) => ({ status: 200, body: host.leases.lease(params.id) }),
  }),
  route({
    id: 'renewLease',
    method: 'POST',
    path: '/v1/leases/{id}/renew',
    access: 'lease',
    says: 'Hold it for another TTL, which never goes beyond the deadline of a drain',
    params: LEASE,
    query: NONE,
    body: renewBody,
    answers: [{ status: 200, says: 'Until when', schema: renewed }],
    refusals: [...NOT_HELD, 'storage_full', 'shutting_down'],
    handle: async ({ host }, { params, body }) => ({
      status: 200,
      body: await host.leases.renew(params.id, { token: body.token, ttlMs: body.ttlMs ?? null }),
    }),
  }),
  route({
    id: 'attachLease',
    method: 'POST',
    path: '/v1/leases/{id}/attach',
    access: 'lease',
    streams: true,
    says: 'Bind it to this connection: claims a lease that a ticket became, takes up one whose connection broke',
    params: LEASE,
    query: NONE,
    body: tokenBody,
    answers: [BOUND],
    refusals: [...NOT_HELD, 'storage_full', 'shutting_down'],
    handle: ({ host }, { params, body, signal }) => streamOf(host.leases.attach(params.id, body.token, signal)),
  }),
  route({
    id: 'verifyLease',
    method: 'POST',
    path: '/v1/leases/{id}/verify',
    access: 'lease',
    says: 'For engines and those behind them: whether this token is that of a lease which is held',
    params: LEASE,
    query: NONE,
    body: tokenBody,
    answers: [{ status: 200, says: 'It is', schema: lease }],
    refusals: NOT_HELD,
    handle: ({ host }, { params, body }) => ({ status: 200, body: host.leases.verify(params.id, body.token) }),
  }),
  route({
    id: 'revokeLease',
    method: 'POST',
    path: '/v1/leases/{id}/revoke',
    access: 'operate',
    says: 'Take it away from its holder',
    params: LEASE,
    query: NONE,
    body: revokeBody,
    answers: [{ status: 200, says: 'As it was', schema: lease }],
    refusals: ['lease_not_found', 'lease_ended', 'storage_full', 'shutting_down'],
    handle: async ({ host }, { params, body, caller }) => {
      const { by, reason } = actorOf(caller, body.reason);
      return { status: 200, body: await host.leases.revoke(params.id, { by, reason }) };
    },
  }),
  route({
    id: 'releaseLease',
    method: 'DELETE',
    path: '/v1/leases/{id}',
    access: 'lease',
    says: 'Give it back; doing so twice is harmless',
    headers: [LEASE_TOKEN],
    params: LEASE,
    query: releaseQuery,
    body: null,
    answers: [{ status: 200, says: 'It has ended, now or before', schema: released }],
    refusals: ['lease_not_found', 'stale_token', 'storage_full', 'shutting_down'],
    handle: async ({ host }, { params, query, caller, header }) => {
      const { by, claimed, role } = caller;
      const asks = { by, claimed, operates: allows(role, 'operate'), token: leaseTokenOf({ header }) };
      return { status: 200, body: await host.leases.release(params.id, asks, query.outcome ?? null) };
    },
  }),
];

function requestOf({ body, caller, header }: Call<unknown, unknown, z.output<typeof acquireBody>>): AcquireRequest {
  return {
    holder: body.holder ?? caller.by,
    ttlMs: body.ttlMs ?? null,
    waitMs: body.waitMs ?? null,
    ...(body.ticketMs === undefined ? {} : { ticketMs: body.ticketMs }),
    priority: body.priority ?? null,
    bind: body.bind ?? 'ttl',
    key: idempotencyKeyOf({ header }),
    client: caller.by,
  };
}

/** No heartbeat: whoever holds a lease gets a line in each third of its TTL, and blank ones would trip those who parse each. */
function streamOf(lines: AsyncIterable<BoundLine>): StreamReply {
  return { status: 200, type: NDJSON, pieces: recordsOf(lines), heartbeat: null, follows: false };
}

async function* recordsOf(lines: AsyncIterable<BoundLine>): AsyncGenerator<string> {
  for await (const line of lines) yield `${JSON.stringify(line)}\n`;
}
