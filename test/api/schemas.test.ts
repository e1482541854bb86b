import { expect, test } from 'vitest';
import type { z } from 'zod';
import { problemSchema } from '../../src/api/problem.ts';
import type { explanation, historyEntry, operation, poolStatus, reloadPlan } from '../../src/api/schemas.ts';
import type { boundLine, granted, lease, queued, released, renewed, ticket, waiter } from '../../src/api/schemas-leases.ts';
import type { Maintenance } from '../../src/errors.ts';
import { CODES } from '../../src/errors.ts';
import type { BoundLine, Granted, LeaseStatus, Queued, Released, Renewed, TicketStatus, Waiter } from '../../src/lease/lease.ts';
import type { HistoryEntry, ReloadPlan } from '../../src/pool/host.ts';
import type { Explanation, Operation, PoolStatus } from '../../src/pool/status.ts';

type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T;
type Same<Wire, Domain> = [Wire] extends [Domain] ? ([Domain] extends [Frozen<Wire>] ? true : never) : never;

/** Not a line of this runs: the compiler refuses it when the wire and the domain differ, in either direction. */
const same: readonly true[] = [true, true, true, true, true, true, true, true, true, true, true, true, true, true] satisfies readonly [
  Same<z.infer<typeof poolStatus>, PoolStatus>,
  Same<z.infer<typeof operation>, Operation>,
  Same<z.infer<typeof historyEntry>, HistoryEntry>,
  Same<z.infer<typeof explanation>, Explanation>,
  Same<z.infer<typeof reloadPlan>, ReloadPlan>,
  Same<z.infer<typeof lease>, LeaseStatus>,
  Same<z.infer<typeof granted>, Granted>,
  Same<z.infer<typeof queued>, Queued>,
  Same<z.infer<typeof renewed>, Renewed>,
  Same<z.infer<typeof released>, Released>,
  Same<z.infer<typeof ticket>, TicketStatus>,
  Same<z.infer<typeof waiter>, Waiter>,
  Same<z.infer<typeof boundLine>, BoundLine>,
  Same<NonNullable<z.infer<typeof problemSchema>['maintenance']>, Maintenance>,
];

test('the wire carries exactly what the domain says', () => {
  expect(same).not.toContain(false);
});

test('a problem may have every code of the table', () => {
  expect(problemSchema.shape.code.options).toEqual(Object.keys(CODES));
});
