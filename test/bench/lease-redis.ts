/**
 * The same pairs as two scripts in a Redis, through its own Node client: what somebody would write who keeps leases there. Redis logs every change
 * (`appendonly yes`, `appendfsync everysec`) and writes that log before it answers, so that what it has answered outlives its SIGKILL, and not a power
 * cut: as poold's database (WAL, synchronous NORMAL). `always` would be fsync before each answer, which poold does not do either.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { needs, Rig, until } from '../machine/rig.ts';
import { clientProcess } from './client-process.ts';
import { ratio, spread, table } from './figures.ts';
import type { Part } from './part.ts';
import { cpuMs } from './process-tree.ts';

/** Its client, pinned: `@redis/client` is what the package `redis` is made of. */
const CLIENT = '@redis/client@5.9.0';
const CLIENTS = 64;
const SECONDS = 5;
const ROUNDS = 5;

interface Load {
  readonly pairs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMs: number;
}

interface Side {
  readonly name: string;
  readonly pid: number;
  /** One load by so many clients. */
  load(clients: number): Promise<Load>;
  end(): Promise<void>;
}

export const leaseRedis: Part = {
  name: 'lease-redis',
  title: 'leases beside the bare framework, and scripts in Redis',
  async run() {
    needs('redis-server', 'redis-server');
    const dir = mkdtempSync(join(tmpdir(), 'poold-bench-redis-'));
    const sides: Side[] = [];
    try {
      sides.push(await poold(), await bareFramework(dir), await redis(dir));
      const rows: string[][] = [];
      for (const clients of [CLIENTS, 1]) rows.push(...(await measured(sides, clients)));
      return told(rows);
    } finally {
      for (const side of sides) await side.end();
      rmSync(dir, { recursive: true, force: true });
    }
  },
};

/** In turns, and each begins as often as the other. */
async function measured(sides: readonly Side[], clients: number): Promise<string[][]> {
  const loads = sides.map(() => [] as Load[]);
  const daemonMs = sides.map(() => 0);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let turn = 0; turn < sides.length; turn += 1) {
      const at = (turn + round) % sides.length;
      const side = sides[at];
      if (side === undefined) continue;
      const beforeMs = cpuMs(side.pid);
      loads[at]?.push(await side.load(clients));
      daemonMs[at] = (daemonMs[at] ?? 0) + cpuMs(side.pid) - beforeMs;
    }
  }
  const perSecond = loads.map((all) => all.map(({ pairs }) => pairs / SECONDS));
  return sides.map(({ name }, at) => {
    const all = loads[at] ?? [];
    const pairs = all.reduce((sum, one) => sum + one.pairs, 0);
    const ownMs = all.reduce((sum, one) => sum + one.cpuMs, 0);
    return [
      `${name}, ${clients === 1 ? 'one client' : `${clients} clients`}`,
      spread(perSecond[at] ?? [], 0),
      ratio(perSecond[at] ?? [], perSecond[0] ?? []).toFixed(2),
      spread(
        all.map(({ p50Ms }) => p50Ms),
        2,
      ),
      spread(all.map(({ p99Ms }) => p99Ms)),
      (((daemonMs[at] ?? 0) / pairs) * 1_000).toFixed(0),
      ((ownMs / pairs) * 1_000).toFixed(0),
      `${((ownMs / (all.length * SECONDS * 1_000)) * 100).toFixed(0)} %`,
    ];
  });
}

function told(rows: readonly (readonly string[])[]): string {
  const head = ['', 'pairs/s', '÷ poold', 'p50 ms', 'p99 ms', 'server µs/pair', 'clients µs/pair', 'clients, of one core'];
  const version = /v=(\S+)/.exec(spawnSync('redis-server', ['--version'], { encoding: 'utf8' }).stdout)?.[1];
  return `Redis ${version} over its socket by ${CLIENT}, a connection for each client; \`appendonly yes\`, \`appendfsync everysec\`: its log is written before the answer
(outlives SIGKILL), as poold's is. Two scripts: slot count, lease id, fencing token, expiry, holder; the second shows the token. poold does the same over HTTP, chooses the
engine, and tells everybody who listens. The bare framework answers the same two requests with a stored row each, all of one turn by one commit, and does nothing
else: what poold cannot get above on this machine. In turns, ${ROUNDS} rounds of ${SECONDS} s: median (least to most).

${table(head, rows)}`;
}

async function poold(): Promise<Side> {
  const rig = new Rig({ busy: { engine: { command: ['sleep', '100000'] }, slots: CLIENTS, readyAfter: '0ms' } });
  const daemon = await rig.start();
  await rig.poolReaches('busy', 'running');
  const load = (clients: number): Promise<Load> =>
    clientProcess<Load>('lease-clients.ts', [rig.path('run/lease.sock'), 'busy', String(clients), String(SECONDS)]).ended;
  return { name: 'poold', pid: daemon.pid ?? 0, load, end: () => rig.tidyUp() };
}

async function bareFramework(dir: string): Promise<Side> {
  const socket = join(dir, 'framework.sock');
  const server = spawn(process.execPath, [join(import.meta.dirname, 'bare-framework.ts'), socket], { stdio: 'inherit' });
  const ended = once(server, 'exit');
  await until('the bare framework listens', () => existsSync(socket));
  const load = (clients: number): Promise<Load> =>
    clientProcess<Load>('lease-clients.ts', [socket, 'busy', String(clients), String(SECONDS)]).ended;
  return { name: 'bare framework', pid: server.pid ?? 0, load, end: () => killed(server, ended) };
}

async function redis(dir: string): Promise<Side> {
  const prefix = join(dir, 'client');
  const installed = spawnSync('npm', ['install', '--prefix', prefix, '--no-audit', '--no-fund', '--ignore-scripts', CLIENT], {
    encoding: 'utf8',
  });
  if (installed.status !== 0) throw new Error(`cannot install ${CLIENT}: ${installed.stderr}`);
  const socket = join(dir, 'redis.sock');
  const words = ['--port', '0', '--unixsocket', socket, '--dir', dir, '--save', '', '--appendonly', 'yes', '--appendfsync', 'everysec'];
  const server = spawn('redis-server', words, { stdio: 'ignore' });
  const ended = once(server, 'exit');
  await until('Redis listens', () => existsSync(socket));
  const load = (clients: number): Promise<Load> =>
    clientProcess<Load>('redis-clients.ts', [join(prefix, 'package.json'), socket, String(clients), String(SECONDS), String(CLIENTS)])
      .ended;
  return {
    name: 'Redis',
    pid: server.pid ?? 0,
    load,
    end: () => killed(server, ended),
  };
}

async function killed(server: ChildProcess, ended: Promise<unknown>): Promise<void> {
  server.kill('SIGTERM');
  await ended;
}
