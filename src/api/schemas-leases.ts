/** Leases, tickets and queues on the wire: checked against `lease/lease.ts` by the compiler, as `schemas.ts` is against its own. */
import { z } from 'zod';
import { ESTIMATE_BASES, LEASE_ENDS, TICKET_STATES } from '../lease/lease.ts';
import { code, stamp } from './schema-parts.ts';

const leasedEngine = z.strictObject({
  id: z.string().describe('`<pool>/<replica>`'),
  url: z.string().nullable(),
  generation: z.int(),
});

const draining = z.boolean().describe('Its engine is being drained');
const deadlineAt = stamp.nullable().describe('Of the drain of its engine');
const expiresAt = stamp
  .nullable()
  .describe('Never beyond the deadline of a drain; null while it is bound to a connection, unless a drain or `leases.maxHold` ends it');

export const lease = z
  .strictObject({
    id: z.string(),
    holder: z.string(),
    pool: z.string(),
    engine: leasedEngine,
    slot: z.int(),
    bind: z.enum(['ttl', 'connection']),
    ttlMs: z.number(),
    grantedAt: stamp,
    heldMs: z.number(),
    renewals: z.int(),
    expiresAt,
    draining,
    deadlineAt,
    client: z.string().describe('Who asked for it'),
  })
  .describe('A lease that is held; its token is never shown');

export const granted = z.strictObject({
  outcome: z.literal('granted'),
  id: z.string(),
  pool: z.string(),
  engine: leasedEngine,
  slot: z.int(),
  token: z.string().describe('Fencing token: those of a pool sort, as strings, in the order in which they were issued'),
  ttlMs: z.number(),
  expiresAt,
  draining,
  deadlineAt,
});

const estimated = {
  queuePosition: z.int().describe('1 is the next one'),
  estimatedWaitMs: z.number().nullable().describe('p50; null where there is nothing to base it on'),
  estimatedWaitP90Ms: z.number().nullable(),
  estimateBasis: z.enum(ESTIMATE_BASES).nullable(),
  draining: z.boolean().describe('The pool is being drained: those queued before that are still served'),
} as const;

export const queued = z.strictObject({
  ...estimated,
  outcome: z.literal('queued'),
  id: z.string().describe('Of the ticket; it is the claim to the lease'),
  pool: z.string(),
});

const waiting = {
  ...estimated,
  pool: z.string(),
  state: z.enum(TICKET_STATES),
  holder: z.string(),
  priority: z.int(),
  waitedMs: z.number(),
} as const;

export const ticket = z.strictObject({
  ...waiting,
  id: z.string(),
  lease: granted.nullable().describe('Once it is granted'),
  error: z.strictObject({ code, message: z.string() }).nullable().describe('Why it was refused'),
});

export const waiter = z.strictObject({ ...waiting, ticket: z.string().describe('The first eight characters of its id') });

export const renewed = z.strictObject({
  outcome: z.literal('renewed'),
  id: z.string(),
  ttlMs: z.number(),
  expiresAt,
  renewals: z.int(),
  draining,
  deadlineAt,
});

export const released = z.strictObject({ outcome: z.enum(['released', 'already_ended']) });

export const boundLine = z
  .discriminatedUnion('outcome', [
    granted,
    queued,
    renewed,
    z.strictObject({ outcome: z.literal('draining'), id: z.string(), deadlineAt: stamp, expiresAt: stamp.nullable() }),
    z.strictObject({ outcome: z.literal('ended'), id: z.string(), how: z.enum(LEASE_ENDS), message: z.string() }),
    z.strictObject({ outcome: z.literal('refused'), code, message: z.string(), retryAfterMs: z.number().nullable() }),
  ])
  .describe('One line of the stream of a lease that is bound to its connection; the end of the stream is the release');
