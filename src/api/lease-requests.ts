/** What requests about leases are made of. */
import { z } from 'zod';
import { PooldError } from '../errors.ts';
import { LIMITS } from './limits.ts';
import { duration, poolFilter, reason } from './requests.ts';
import type { HeaderSpec, RawCall } from './route.ts';

/** Shown to people and kept in the database: no control characters, and no half of a pair that UTF-8 cannot say. */
const holder = z
  .string()
  .regex(
    new RegExp(`^[^\\p{Cc}\\p{Cs}]{1,${LIMITS.holderChars}}$`, 'u'),
    `1 to ${LIMITS.holderChars} characters, none of them a control character`,
  );

const TOKEN_FORM = new RegExp(`^[\\x21-\\x7e]{1,${LIMITS.leaseTokenChars}}$`);
const token = z.string().regex(TOKEN_FORM, `a token is 1 to ${LIMITS.leaseTokenChars} printable ASCII characters without spaces`);

const ttlMs = z
  .int()
  .min(LIMITS.ttlFromMs)
  .optional()
  .describe("How long it lasts without a renewal, up to the pool's `leases.ttlMax`; unset: its `leases.ttl`");

export const acquireBody = z.strictObject({
  holder: holder.optional().describe('Who will use it, for people; unset: who asks'),
  ttlMs,
  waitMs: z
    .int()
    .min(0)
    .max(LIMITS.waitMs)
    .optional()
    .describe('Unset: a lease or a ticket, at once. 0: a lease or a refusal. Above: held for so long; hanging up leaves the queue'),
  ticketMs: z
    .int()
    .min(1)
    .max(LIMITS.ticketMs)
    .optional()
    .describe("How long a ticket may wait, where `waitMs` is unset; unset: the pool's `queue.timeout`"),
  priority: z.int().min(0).max(9).optional().describe('9 comes first; unset: 5'),
  bind: z
    .enum(['ttl', 'connection'])
    .optional()
    .describe('`connection`: the answer is a stream, and the lease is held for as long as it stands. Unset: `ttl`'),
});

export const tokenBody = z.strictObject({ token });
export const renewBody = z.strictObject({ token, ttlMs: ttlMs.describe('Unset: as before') });
export const revokeBody = z.strictObject({ reason });

export const leaseQuery = z.strictObject({
  pool: poolFilter,
  holder: holder.optional(),
  older: duration.optional().describe('Held for at least so long: 90s, 10m'),
});
export const releaseQuery = z.strictObject({
  outcome: z.enum(['engine_failed']).optional().describe('What the holder has to say about the engine'),
});

export const IDEMPOTENCY_KEY: HeaderSpec = {
  name: 'Idempotency-Key',
  says: `1 to ${LIMITS.idempotencyKeyChars} printable ASCII characters: the same request with the same key gets the same lease or ticket, not another one`,
};
export const LEASE_TOKEN: HeaderSpec = {
  name: 'Poold-Lease-Token',
  says: 'The token of the lease: the role lease has to show it, operate and admin need not',
};

/** Null where it is absent. Throws PooldError `invalid_request`. */
export function idempotencyKeyOf(call: Pick<RawCall, 'header'>): string | null {
  return headerIn(call, IDEMPOTENCY_KEY, KEY_FORM);
}

/** Null where it is absent. Throws PooldError `invalid_request`. */
export function leaseTokenOf(call: Pick<RawCall, 'header'>): string | null {
  return headerIn(call, LEASE_TOKEN, TOKEN_FORM);
}

const KEY_FORM = new RegExp(`^[\\x20-\\x7e]{1,${LIMITS.idempotencyKeyChars}}$`);

function headerIn(call: Pick<RawCall, 'header'>, { name }: HeaderSpec, form: RegExp): string | null {
  const text = call.header(name.toLowerCase());
  if (text === null || form.test(text)) return text;
  throw new PooldError('invalid_request', `cannot accept the header ${name}: 1 to 128 printable ASCII characters`);
}
