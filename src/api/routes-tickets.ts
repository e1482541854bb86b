/** Routes of queues: who waits, and what became of a ticket. */
import { z } from 'zod';
import { NONE, POOL, TICKET, wait } from './requests.ts';
import type { Route } from './route.ts';
import { route } from './route.ts';
import { listOf } from './schemas.ts';
import { ticket, waiter } from './schemas-leases.ts';

export const TICKET_ROUTES: readonly Route[] = [
  route({
    id: 'poolQueue',
    method: 'GET',
    path: '/v1/pools/{pool}/queue',
    access: 'read',
    says: 'Who waits, in the order in which they would be served',
    params: POOL,
    query: NONE,
    body: null,
    answers: [{ status: 200, says: 'The queue', schema: listOf(waiter) }],
    refusals: ['pool_not_found'],
    handle: ({ host }, { params }) => ({ status: 200, body: { items: host.leases.queue(params.pool) } }),
  }),
  route({
    id: 'getTicket',
    method: 'GET',
    path: '/v1/tickets/{id}',
    access: 'lease',
    says: 'A place in a queue, and the lease once it has become one; with `wait` as soon as something changes. A ticket that nobody asks for leaves',
    params: TICKET,
    query: z.strictObject({ wait: wait.describe('How long to wait for a change while it is queued: 500ms, 5s (at most 10m)') }),
    body: null,
    answers: [{ status: 200, says: 'As it stands', schema: ticket }],
    refusals: ['ticket_not_found', 'shutting_down'],
    handle: async ({ host }, { params, query, signal }) => ({
      status: 200,
      body: await host.leases.ticket(params.id, query.wait ?? 0, signal),
    }),
  }),
  route({
    id: 'leaveQueue',
    method: 'DELETE',
    path: '/v1/tickets/{id}',
    access: 'lease',
    says: 'Leave the queue, or give back what it became',
    params: TICKET,
    query: NONE,
    body: null,
    answers: [{ status: 200, says: 'As it stands after that', schema: ticket }],
    refusals: ['ticket_not_found', 'storage_full', 'shutting_down'],
    handle: async ({ host }, { params }) => ({ status: 200, body: await host.leases.leave(params.id) }),
  }),
];
