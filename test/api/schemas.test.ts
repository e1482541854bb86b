import { expect, test } from 'vitest';
import type { z } from 'zod';
import { problemSchema } from '../../src/api/problem.ts';
import type { explanation, historyEntry, operation, poolStatus } from '../../src/api/schemas.ts';
import { CODES } from '../../src/errors.ts';
import type { HistoryEntry } from '../../src/pool/host.ts';
import type { Explanation, Operation, PoolStatus } from '../../src/pool/status.ts';

type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T;
type Same<Wire, Domain> = [Wire] extends [Domain] ? ([Domain] extends [Frozen<Wire>] ? true : never) : never;

/** Not a line of this runs: the compiler refuses it when the wire and the domain differ, in either direction. */
const same: readonly [
  Same<z.infer<typeof poolStatus>, PoolStatus>,
  Same<z.infer<typeof operation>, Operation>,
  Same<z.infer<typeof historyEntry>, HistoryEntry>,
  Same<z.infer<typeof explanation>, Explanation>,
] = [true, true, true, true];

test('the wire carries exactly what the domain says', () => {
  expect(same).toEqual([true, true, true, true]);
});

test('a problem may have every code of the table', () => {
  expect(problemSchema.shape.code.options).toEqual(Object.keys(CODES));
});
