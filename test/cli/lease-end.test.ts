/** What takes seconds by the clock, with one that runs a hundred times faster; the commands are real. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Session } from '../../src/cli/session.ts';
import { leaseExec } from '../../src/cli/verbs/lease-exec.ts';
import { ClientError } from '../../src/client/client-error.ts';
import type { Clock } from '../../src/clock.ts';
import { systemClock } from '../../src/clock.ts';
import type { Renewed } from '../../src/lease/lease.ts';
import { LEASE } from './lease-server.ts';

const FASTER = 100;
const clock: Clock = {
  ...systemClock,
  nowMs: () => systemClock.nowMs() * FASTER,
  after: (delayMs, fire) => systemClock.after(delayMs / FASTER, fire),
};
const RENEWED: Renewed = { outcome: 'renewed', id: 'ls-1', ttlMs: 30_000, expiresAt: null, renewals: 1, draining: false, deadlineAt: null };

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'poold-lease-end-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function session(calls: Partial<Session['leases']>): {
  readonly session: Session;
  readonly notes: { readonly text: string; readonly atMs: number }[];
} {
  const notes: { text: string; atMs: number }[] = [];
  const out = { note: (text: string) => notes.push({ text, atMs: clock.nowMs() }), live: () => {}, liveColumns: null, json: false };
  const leases = { acquire: async () => ({ ...LEASE, ttlMs: 30_000 }), release: async () => ({ outcome: 'released' }), ...calls };
  const client = { events: () => (async function* () {})() };
  return { session: { client, leases, out, clock, timeoutMs: null } as unknown as Session, notes };
}

test('a command that ignores TERM is killed 10 s after its lease was lost', async () => {
  const deaf = join(directory, 'deaf');
  const renew = async (): Promise<Renewed> => {
    if (!existsSync(deaf)) return RENEWED;
    throw new ClientError('lease_ended', 'cannot renew ls-1: it was forced', { status: 410 });
  };
  const { session: at, notes } = session({ renew });
  const command = ['sh', '-c', 'trap "" TERM; touch "$1"; exec sleep 1000', 'sh', deaf];
  expect(await leaseExec(at, { name: 'chat', command }, {})).toBe(9);
  expect(notes.map(({ text }) => text)).toEqual(['poolctl: lease ls-1 is lost: cannot renew ls-1: it was forced; sh gets TERM']);
  expect(clock.nowMs() - (notes[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(10_000);
});

test('where nobody takes the lease back, it is left to expire, and the exit code is still the command’s', async () => {
  let asked = 0;
  const release = async (): Promise<never> => {
    asked += 1;
    throw new ClientError('unreachable', 'cannot reach poold', { status: null });
  };
  const { session: at, notes } = session({ release });
  expect(await leaseExec(at, { name: 'chat', command: ['sh', '-c', 'exit 3'] }, {})).toBe(3);
  expect(notes.map(({ text }) => text)).toEqual([
    'poolctl: cannot release lease ls-1: cannot reach poold; it expires by itself within 30s',
  ]);
  expect(asked).toBeGreaterThan(3);
});

test('a release whose answer was lost was ours all the same', async () => {
  let asked = 0;
  const release: Session['leases']['release'] = async () => {
    asked += 1;
    if (asked === 1) throw new ClientError('unreachable', 'the connection was cut', { status: null });
    return { outcome: 'already_ended' };
  };
  const { session: at, notes } = session({ release });
  expect(await leaseExec(at, { name: 'chat', command: ['true'] }, {})).toBe(0);
  expect([asked, notes]).toEqual([2, []]);
});

test('a release whose answer was lost with a daemon that no longer knows the lease is no loss', async () => {
  const release = async (): Promise<never> => {
    throw new ClientError('lease_not_found', 'cannot find the lease ls-1', { status: 404 });
  };
  const { session: at, notes } = session({ release });
  expect(await leaseExec(at, { name: 'chat', command: ['sh', '-c', 'exit 3'] }, {})).toBe(3);
  expect(notes).toEqual([]);
});
