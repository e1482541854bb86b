import { expect, it } from 'vitest';
import { LeaseIds } from '../../src/lease/lease-id.ts';

const UUID_8 = /^l-[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/;

it('knows the ids that it has given, and those of daemons before it by their epoch', () => {
  const [before, now] = [new LeaseIds(), new LeaseIds()];
  const old = before.next(6);
  const own = [now.next(7), now.next(7)];
  for (const id of [old, ...own]) expect(id).toMatch(UUID_8);
  expect(new Set(own).size).toBe(2);
  for (const id of [old, ...own]) expect(now.gave(id, 7)).toBe(true);
});

it.each([
  ['with another mark', (id: string) => id.slice(0, -1) + (id.endsWith('0') ? '1' : '0')],
  ['with another number', (id: string) => id.replace('-8001-', '-8002-')],
  ['of a daemon to come', (id: string) => id.replace('l-00000007', 'l-00000008')],
  ['of another form', (id: string) => `${id}0`],
  ['that is none', () => 'l-1'],
])('does not know one %s', (_what, made) => {
  const ids = new LeaseIds();
  const id = ids.next(7);
  expect(made(id)).not.toBe(id);
  expect(ids.gave(made(id), 7)).toBe(false);
});
