/** What a pair of acquire and release costs where there are many pools, or many who wait: as much as where there is one and nobody, or nearly. */
import { Rig, until } from '../machine/rig.ts';
import { clientProcess } from './client-process.ts';
import { ratio, spread, table } from './figures.ts';
import type { Part } from './part.ts';
import { cpuMs } from './process-tree.ts';

const CLIENTS = 64;
const SECONDS = 3;
const ROUNDS = 3;
const POOLS = [10, 100, 1_000];
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
  readonly daemonMs: number;
}

interface Scene {
  readonly what: string;
  readonly rig: Rig;
  readonly pid: number;
  /** Those that are leased of, in turn. */
  readonly names: readonly string[];
}

export const leasePools: Part = {
  name: 'lease-pools',
  title: 'leases beside many pools, and beside many who wait',
  async run() {
    const plain = await manyPools(1, 'one pool, nobody waits');
    try {
      const rows: string[][] = [];
      for (const count of POOLS) rows.push(...(await beside(plain, await manyPools(count, `${count} pools in turn`))));
      rows.push(...(await beside(plain, await manyWaiters())));
      return told(rows);
    } finally {
      await plain.rig.tidyUp();
    }
  },
};

/** Both in turns: what slows the machine slows both. */
async function beside(plain: Scene, other: Scene): Promise<string[][]> {
  try {
    const [ours, theirs]: [Measured[], Measured[]] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      ours.push(await loaded(plain));
      theirs.push(await loaded(other));
    }
    return [row(plain.what, ours, ours), row(other.what, theirs, ours)];
  } finally {
    await other.rig.tidyUp();
  }
}

async function manyPools(count: number, what: string): Promise<Scene> {
  const names = Array.from({ length: count }, (_, index) => `p${index}`);
  const pool = { engine: { command: ['sleep', '100000'] }, slots: CLIENTS, readyAfter: '0ms' };
  const rig = new Rig(Object.fromEntries(names.map((name) => [name, pool])));
  const daemon = await rig.start();
  await until('all pools run', async () => (await rig.client.pools()).every(({ state }) => state === 'running'), STARTED_MS);
  return { what, rig, pid: daemon.pid ?? 0, names };
}

/** They wait for another pool: where somebody waits, nobody comes past him. Nobody asks about their tickets, which stay all the same. */
async function manyWaiters(): Promise<Scene> {
  const engine = { command: ['sleep', '100000'] };
  const queue = { timeout: '1h', claim: '1h' };
  const rig = new Rig({ p0: { engine, slots: CLIENTS, readyAfter: '0ms' }, full: { engine, readyAfter: '0ms', queue } });
  const daemon = await rig.start();
  for (const name of ['p0', 'full']) await rig.poolReaches(name, 'running');
  const order = { holder: 'waits', ttlMs: 3_600_000, waitMs: null, priority: null, key: null };
  for (let count = 0; count <= WAITERS; count += 1) await rig.client.leases.acquire('full', order);
  const { queueDepth } = await rig.pool('full');
  if (queueDepth !== WAITERS) throw new Error(`cannot measure beside ${WAITERS} who wait: there are ${queueDepth}`);
  return { what: `one pool, ${WAITERS} wait for another`, rig, pid: daemon.pid ?? 0, names: ['p0'] };
}

async function loaded({ rig, pid, names }: Scene): Promise<Measured> {
  const beforeMs = cpuMs(pid);
  const words = [rig.path('run/lease.sock'), names.join(','), String(CLIENTS), String(SECONDS)];
  const load = await clientProcess<Load>('lease-clients.ts', words).ended;
  return { ...load, daemonMs: cpuMs(pid) - beforeMs };
}

function row(what: string, all: readonly Measured[], plain: readonly Measured[]): string[] {
  const each = (value: (one: Measured) => number, of = all): number[] => of.map(value);
  const daemonMicroseconds = ({ daemonMs, pairs }: Measured): number => (daemonMs / pairs) * 1_000;
  return [
    what,
    spread(
      each(({ pairs }) => pairs / SECONDS),
      0,
    ),
    ratio(
      each(({ pairs }) => 1 / pairs),
      each(({ pairs }) => 1 / pairs, plain),
    ).toFixed(2),
    spread(each(({ p50Ms }) => p50Ms)),
    spread(each(({ p99Ms }) => p99Ms)),
    spread(each(daemonMicroseconds), 0),
    ratio(each(daemonMicroseconds), each(daemonMicroseconds, plain)).toFixed(2),
    spread(
      each(({ cpuMs: ownMs, pairs }) => (ownMs / pairs) * 1_000),
      0,
    ),
    `${spread(
      each(({ cpuMs: ownMs }) => ownMs / SECONDS / 10),
      0,
    )} %`,
  ];
}

function told(rows: readonly (readonly string[])[]): string {
  const head = ['', 'pairs/s', 'slower ×', 'p50 ms', 'p99 ms', 'daemon µs/pair', '× plain', 'clients µs/pair', 'clients, of one core'];
  return `${CLIENTS} clients, each pool with one engine (\`sleep\`) of ${CLIENTS} slots; with the plain one in turns, ${ROUNDS} rounds of ${SECONDS} s: median (least to most).
Goal: within ${GOAL} × of the plain one. The clients are one process, which can have one core.

${table(head, rows)}`;
}
