/** What requests are made of: names, durations, switches. Every text from outside has a form and a length. */
import { constants } from 'node:os';
import { z } from 'zod';
import { nearest } from '../config/nearest.ts';
import { parseDuration } from '../config/quantity.ts';
import { LIMITS } from './limits.ts';

export const NONE = z.strictObject({});

const poolName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'a pool name is 1 to 63 of a-z, 0-9 and "-", and does not begin with "-"');
const replicaText = z.string().regex(/^(0|[1-9]\d{0,4})$/, 'a replica is a number: 0, 1, 2 …');

export const POOL = z.strictObject({ pool: poolName });
export const ENGINE = z.strictObject({ pool: poolName, replica: replicaText.transform(Number) });
export const OPERATION = z.strictObject({
  id: z.string().regex(/^[\w.:-]{1,64}$/, 'an operation id is 1 to 64 letters, digits, "-", "_", "." and ":"'),
});

const heldId = z.string().regex(/^[\w.:-]{1,64}$/, 'an id is 1 to 64 letters, digits, "-", "_", "." and ":"');
export const LEASE = z.strictObject({ id: heldId });
export const TICKET = z.strictObject({ id: heldId });

export const duration = z
  .string()
  .max(24)
  .transform((text, issues): number => {
    const parsedMs = parseDuration(text);
    if (parsedMs !== null) return parsedMs;
    issues.addIssue({ code: 'custom', message: 'a duration is a number and ms, s, m or h: 500ms, 10s, 5m' });
    return z.NEVER;
  });

/** `?wait=30s`, at most ten minutes at a time: whoever wants longer asks again. */
export const wait = duration
  .refine((waitMs) => waitMs <= LIMITS.waitMs, `at most ${LIMITS.waitMs / 60_000}m at a time; ask again for more`)
  .optional()
  .describe('How long to wait for the end: 500ms, 30s, 5m (at most 10m)');

export const poolFilter = poolName.optional();
export const replicaFilter = replicaText.transform(Number).optional().describe('One engine of the pool');
/** A duration back from now or a date; which one is found out where the clock is. */
export const since = z.string().max(64).optional().describe('A date (2026-11-03T08:00:00Z) or how long ago (90s, 8h)');
export const flag = z
  .enum(['true', 'false', '1', '0', ''])
  .transform((text) => text === 'true' || text === '1' || text === '')
  .optional();

export function count(options: {
  readonly from: number;
  readonly to: number;
}): z.ZodOptional<z.ZodPipe<z.ZodString, z.ZodTransform<number, string>>> {
  const { from, to } = options;
  return z
    .string()
    .regex(/^\d{1,9}$/, `a whole number from ${from} to ${to}`)
    .transform((text, issues): number => {
      const value = Number(text);
      if (value < from || value > to) issues.addIssue({ code: 'custom', message: `a whole number from ${from} to ${to}` });
      return value;
    })
    .optional();
}

/** Shown to people later: no control characters, so that a log or a terminal takes no orders from it. */
export const reason = z
  .string()
  .max(LIMITS.reasonChars)
  .regex(/^\P{Cc}*$/u, 'no control characters')
  .optional()
  .describe('Why; kept with the operation, the override and the event');

export const replicas = z.int().min(0).max(10_000);
export const crashClass = z.string().regex(/^[a-z][a-z0-9_]{0,31}$/, 'a crash class is 1 to 32 of a-z, 0-9 and "_"');

export const signalName = z
  .string()
  .max(16)
  .transform((text, issues): string => {
    const name = text.startsWith('SIG') ? text : `SIG${text}`;
    if (name in constants.signals) return name;
    const meant = nearest(name, Object.keys(constants.signals));
    issues.addIssue({ code: 'custom', message: `no such signal${meant === null ? '' : `, did you mean ${meant}?`}` });
    return z.NEVER;
  });
