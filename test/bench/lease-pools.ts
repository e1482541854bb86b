/** What a pair of acquire and release costs where there are many pools, or many who wait: as much as where there is one and nobody, or nearly. */
import { Rig, until } from '../machine/rig.ts';
import { clientProcess } from './client-process.ts';
import { table } from './figures.ts';
import type { Part } from './part.ts';
import { cpuMs } from './process-tree.ts';

const CLIENTS = 64;
const SECONDS = 6;
const POOLS = [1, 10, 100, 1_000];
const WAITERS = 1_000;
/** A thousand engines have to be started on two cores. */
const STARTED_MS = 300_000;
const GOAL = 1.3;

interface Load {
  readonly pairs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the clients' process. */
  readonly cpuMs: number;
}

interface Measured extends Load {
  readonly what: string;
  readonly daemonMs: number;
}

export const leasePools: Part = {
  name: 'lease-pools',
  title: 'leases beside many pools, and beside many who wait',
  async run() {
    const all: Measured[] = [];
    for (const count of POOLS) all.push(await withPools(count));
    all.push(await withWaiters());
    return told(all);
  },
};

async function withPools(count: number): Promise<Measured> {
  const names = Array.from({ length: count }, (_, index) => `p${index}`);
  const rig = new Rig(
    Object.fromEntries(names.map((name) => [name, { engine: { command: ['sleep', '100000'] }, slots: CLIENTS, readyAfter: '0ms' }])),
  );
  try {
    const daemon = await rig.start();
    await until('all pools run', async () => (await rig.client.pools()).every(({ state }) => state === 'running'), STARTED_MS);
    return await loaded(rig, { what: count === 1 ? 'one pool, nobody waits' : `${count} pools in turn`, pid: daemon.pid ?? 0, names });
  } finally {
    await rig.tidyUp();
  }
}

/** They wait for another pool: where somebody waits, nobody comes past him. */
async function withWaiters(): Promise<Measured> {
  const engine = { command: ['sleep', '100000'] };
  // Nobody asks about the tickets meanwhile: they stay all the same.
  const queue = { timeout: '1h', claim: '1h' };
  const rig = new Rig({ p0: { engine, slots: CLIENTS, readyAfter: '0ms' }, full: { engine, readyAfter: '0ms', queue } });
  try {
    const daemon = await rig.start();
    for (const name of ['p0', 'full']) await rig.poolReaches(name, 'running');
    const order = { holder: 'waits', ttlMs: 3_600_000, waitMs: null, priority: null, key: null };
    for (let count = 0; count <= WAITERS; count += 1) await rig.client.leases.acquire('full', order);
    const measured = await loaded(rig, { what: `one pool, ${WAITERS} wait for another`, pid: daemon.pid ?? 0, names: ['p0'] });
    const { queueDepth } = await rig.pool('full');
    if (queueDepth !== WAITERS) throw new Error(`cannot measure beside ${WAITERS} who wait: there are ${queueDepth}`);
    return measured;
  } finally {
    await rig.tidyUp();
  }
}

async function loaded(
  rig: Rig,
  { what, pid, names }: { readonly what: string; readonly pid: number; readonly names: readonly string[] },
): Promise<Measured> {
  const beforeMs = cpuMs(pid);
  const words = [rig.path('run/lease.sock'), names.join(','), String(CLIENTS), String(SECONDS)];
  const load = await clientProcess<Load>('lease-clients.ts', words).ended;
  return { ...load, what, daemonMs: cpuMs(pid) - beforeMs };
}

function told(all: readonly Measured[]): string {
  const [plain] = all;
  if (plain === undefined) throw new Error('nothing was measured');
  const microseconds = (ms: number, { pairs }: Measured): string => ((ms / pairs) * 1_000).toFixed(0);
  const rows = all.map((one) => [
    one.what,
    (one.pairs / SECONDS).toFixed(0),
    (plain.pairs / one.pairs).toFixed(2),
    `${one.p50Ms.toFixed(1)} / ${one.p99Ms.toFixed(1)}`,
    microseconds(one.daemonMs, one),
    (one.daemonMs / one.pairs / (plain.daemonMs / plain.pairs)).toFixed(2),
    microseconds(one.cpuMs, one),
    `${(one.cpuMs / SECONDS / 10).toFixed(0)} %`,
  ]);
  const head = ['', 'pairs/s', 'slower ×', 'p50 / p99 ms', 'daemon µs/pair', '× plain', 'clients µs/pair', 'of one core'];
  return `${CLIENTS} clients for ${SECONDS} s, each pool with one engine (\`sleep\`) of ${CLIENTS} slots. Goal: within ${GOAL} × of the first row.
Of what each side spends on a processor per pair the second hardly depends on who else is on the machine; the clients are one process, which can have one core.

${table(head, rows)}`;
}
