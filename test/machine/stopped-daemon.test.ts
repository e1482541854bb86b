/** The daemon is stopped for three TTLs, as by a debugger, a full swap or a frozen container, and goes on: it has missed its timers and nothing else. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ClientError } from '../../src/client/client-error.ts';
import { pause, systemClock } from '../../src/clock.ts';
import type { BoundLine } from '../../src/lease/lease.ts';
import { endRigsAfterEach } from './each.ts';
import type { Holding } from './holding.ts';
import { endOf, stateOf, take } from './holding.ts';
import { Rig, until } from './rig.ts';

endRigsAfterEach();

const SLOW_READY = join(import.meta.dirname, '../engines/slow-ready.mjs');
const TTL_MS = 1_000;
/** Answers each request after 200 ms, so that one is always under way, and leaves a byte of each in a file. */
const ANSWERS_LATE = `
const asked = () => require("fs").appendFileSync(process.argv[2], ".");
const late = (_, answer) => setTimeout(() => { asked(); answer.end("ok"); }, 200);
require("http").createServer(late).listen(process.argv[1], "127.0.0.1");
`;
/** The same as a command. */
const ENDS_LATE = ['sh', '-c', 'sleep 0.2; printf . >>"$0"', 'DIR/exec'];
/** One failure is enough for an engine to be ended; what is under way at the stop is overdue by a second at its end. */
const STRICT = { period: '1ms', timeout: '2s', failureThreshold: 1 };

it('goes on with every engine, and with every lease whose renewal lay there unread or whose time was not over; no slot has two', {
  timeout: 60_000,
}, async () => {
  const engine = { command: ['node', '-e', ANSWERS_LATE, '${port}', 'DIR/http'] };
  const rig = new Rig({
    http: { engine, slots: 4, probes: { startup: { tcpSocket: {} }, liveness: { httpGet: { path: '/' }, ...STRICT } } },
    exec: {
      engine: { command: ['sleep', '1000'] },
      readyAfter: '50ms',
      probes: { liveness: { exec: { command: ENDS_LATE }, ...STRICT } },
    },
    // Ready in the time in which nobody asks, and asked again only when its own is over.
    loads: {
      autostart: false,
      engine: { command: ['node', SLOW_READY, '${port}', '500', '500'] },
      probes: { startup: { httpGet: { path: '/health' }, period: '50ms' } },
      startTimeout: '2500ms',
    },
  });
  const daemon = await rig.start();
  await rig.poolReaches('http', 'running');
  await rig.poolReaches('exec', 'running');
  const before = await Promise.all(['http/0', 'exec/0'].map((id) => rig.pid(id)));
  const long = await take(rig, 'http', { holder: 'long', ttlMs: 60_000 });
  const bound = bind(rig);
  await until('it is bound', () => bound.lines.some(({ outcome }) => outcome === 'granted'));
  const speaks = await take(rig, 'http', { holder: 'speaks', ttlMs: TTL_MS });
  const lapses = await take(rig, 'http', { holder: 'lapses', ttlMs: TTL_MS });
  const waiting = rig.client.leases.acquire('http', { holder: 'waits', ttlMs: 60_000, waitMs: 60_000, priority: null, key: null });
  await until('somebody waits', async () => (await rig.pool('http')).queueDepth === 1);

  await rig.client.act('loads', { do: 'start', replica: null }, null);
  await until('it loads', async () => (await rig.engine('loads/0')).state === 'starting' && (await rig.engine('loads/0')).pid !== null);

  daemon.kill('SIGSTOP');
  // Asked while nobody is there: the kernel keeps it.
  const unread = renewal(rig, speaks, 60_000);
  await pause(systemClock, 3 * TTL_MS);
  daemon.kill('SIGCONT');

  expect(await unread).toBe('renewed');
  // Nobody has spoken for that one.
  const { how, atMostMs } = await endOf(rig, lapses);
  expect(how).toBe('expired');
  expect(atMostMs).toBeGreaterThanOrEqual(3 * TTL_MS);
  const next = await waiting;
  if (next.outcome !== 'granted') throw new Error('whoever waited was not granted the slot');
  expect(next.token > lapses.lease.token).toBe(true);
  expect(await renewal(rig, lapses)).toBe('lease_ended');

  const seats = (await rig.client.leases.list({ pool: 'http', holder: null, olderMs: null })).map(({ holder, slot }) => [slot, holder]);
  expect(seats.toSorted()).toEqual([
    [0, 'long'],
    [1, 'bound'],
    [2, 'speaks'],
    [3, 'waits'],
  ]);
  expect(await stateOf(rig, long)).toMatchObject({ id: long.lease.id, renewals: 0 });
  expect(await renewal(rig, long)).toBe('renewed');
  expect(bound.lines.at(-1)).not.toMatchObject({ outcome: 'ended' });
  // The one that was under way, and one that was begun since.
  const asked = () => ['http', 'exec'].map((name) => statSync(rig.path(name)).size);
  const heard = asked();
  await until('each has been asked again', () => asked().every((count, index) => count >= (heard[index] ?? 0) + 2));
  await rig.poolReaches('loads', 'running');
  for (const [index, id] of ['http/0', 'exec/0'].entries()) {
    expect(await rig.engine(id)).toMatchObject({ state: 'ready', generation: 1, pid: before[index], failures: 0 });
  }
  expect(await rig.engine('loads/0')).toMatchObject({ state: 'ready', generation: 1, failures: 0 });
  await bound.end();
  for (const { id } of [long.lease, speaks.lease, next]) await rig.client.leases.release(id, { token: null, outcome: null });
  await rig.endsClean();
});

/** The word for what came of it. */
function renewal(rig: Rig, { lease: { id, token } }: Holding, ttlMs: number | null = null): Promise<string> {
  return rig.client.leases.renew(id, { token, ttlMs }).then(
    ({ outcome }) => outcome,
    ({ code }: ClientError) => code,
  );
}

/** Held for as long as the connection stands. */
function bind(rig: Rig): { readonly lines: BoundLine[]; end(): Promise<void> } {
  const over = new AbortController();
  const lines: BoundLine[] = [];
  const order = { holder: 'bound', ttlMs: TTL_MS, waitMs: 0, priority: null, key: null };
  const ended = (async () => {
    for await (const line of rig.client.leases.acquireBound('http', order, over.signal)) lines.push(line);
  })();
  // Of a test that has failed nobody asks any more.
  ended.catch(() => {});
  return {
    lines,
    async end() {
      over.abort();
      await ended.catch(() => {});
    },
  };
}
