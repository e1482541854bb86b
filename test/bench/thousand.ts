/** A thousand idle engines: how soon all are up, and what keeping them costs while nothing happens, for several supervisors in turns. */
import { join } from 'node:path';
import { pause, systemClock } from '../../src/clock.ts';
import { killIfThere, until } from '../machine/rig.ts';
import { mebibytes, ratio, spread, table } from './figures.ts';
import type { Part } from './part.ts';
import type { Peer, Running } from './peers/peer.ts';
import { pm2 } from './peers/pm2.ts';
import { poold } from './peers/poold.ts';
import { runit, s6 } from './peers/service-directories.ts';
import { supervisord } from './peers/supervisord.ts';
import { Census, cpuMs, pssBytes, treeOf } from './process-tree.ts';

const ENGINES = Number(process.env.POOLD_BENCH_THOUSAND ?? 1000);
const ROUNDS = Number(process.env.POOLD_BENCH_ROUNDS ?? 3);
const UP_PATIENCE_MS = 300_000;
/** Time for heaps to come to rest, and for what is due once after a start. */
const SETTLE_MS = 15_000;
const IDLE_MS = 20_000;

const PROBED = 'poold, readiness and liveness by HTTP at their default of 10 s';
const PEERS: readonly Peer[] = [poold(), runit, s6, supervisord, pm2];

interface Cost {
  readonly processes: number;
  readonly ownPssBytes: number;
  readonly addedPssBytes: number;
  /** Of all of them, as a share of one processor. */
  readonly idleCpu: number;
}

export const thousand: Part = {
  name: 'thousand',
  title: `${ENGINES} engines`,
  async run() {
    const able = PEERS.filter(({ lacks }) => lacks === null);
    const upMs = new Map<string, number[]>(able.map(({ name }) => [name, []]));
    const costs = new Map<string, Cost>();
    for (let round = 0; round < ROUNDS; round += 1) {
      // In each round another one is the first.
      for (let turn = 0; turn < able.length; turn += 1) {
        const peer = able[(turn + round) % able.length];
        if (peer !== undefined) upMs.get(peer.name)?.push(await idle(peer, (cost) => costs.set(peer.name, cost), !costs.has(peer.name)));
      }
    }
    costs.set(PROBED, await probed());
    return told(upMs, costs);
  },
};

function told(upMs: ReadonlyMap<string, readonly number[]>, costs: ReadonlyMap<string, Cost>): string {
  const ours = upMs.get(PEERS[0]?.name ?? '') ?? [];
  const rows = [...PEERS, { name: PROBED, lacks: '' }].map(({ name, lacks }) => {
    const cost = costs.get(name);
    if (cost === undefined) return [name, lacks ?? '', '', '', '', ''];
    const times = upMs.get(name);
    const seconds = times?.map((ms) => ms / 1_000);
    return [
      name,
      seconds === undefined ? '' : spread(seconds, 2),
      times === undefined ? '' : ratio(times, ours).toFixed(2),
      `${mebibytes(cost.ownPssBytes)} + ${mebibytes(cost.addedPssBytes)}`,
      String(cost.processes),
      `${(cost.idleCpu * 100).toFixed(2)} %`,
    ];
  });
  const head = [
    '',
    'seconds until all run (least to most)',
    'it ÷ poold',
    'PSS, MiB: itself + what it adds',
    'processes',
    'idle, of a core',
  ];
  return `\`sleep\`, from the start of the supervisor until ${ENGINES} of them run (of poold: and it says that all are ready), ${ROUNDS} rounds in turns.
Memory and processor of all of its processes but the engines (launchers, \`runsv\`, …), after ${SETTLE_MS / 1_000} s of rest, over ${IDLE_MS / 1_000} s. The probed engines are small
HTTP servers, as \`sleep\` answers nobody: they are weighed, not timed.

${table(head, rows)}`;
}

/** From its start until all are up; what it costs then goes to `weighed` when that is wanted. */
async function idle(peer: Peer, weighed: (cost: Cost) => void, weigh: boolean): Promise<number> {
  // A number of seconds that nobody else's `sleep` has; PM2 makes each command an absolute path.
  const argv = ['/usr/bin/sleep', `1000000.${process.pid}`];
  const census = new Census(argv);
  const fromMs = systemClock.nowMs();
  const running = await peer.start([{ name: 'fleet', argv, count: ENGINES }]);
  try {
    await until(`${ENGINES} engines of ${peer.name} run`, () => census.count() === ENGINES, UP_PATIENCE_MS);
    await running.saysAllRun?.('fleet');
    const tookMs = systemClock.nowMs() - fromMs;
    if (weigh) weighed(await costOf(running, (pid) => census.members.has(pid)));
    return tookMs;
  } finally {
    await running.end();
    census.count();
    for (const pid of census.members) killIfThere(pid);
  }
}

async function probed(): Promise<Cost> {
  const probe = { httpGet: { path: '/health' } };
  const peer = poold({
    name: PROBED,
    pool: { probes: { readiness: probe, liveness: probe } },
    daemon: { ports: [10_000, 10_000 + 2 * ENGINES] },
  });
  const engine = join(import.meta.dirname, 'answers.pl');
  const running = await peer.start([{ name: 'fleet', argv: [engine, '${port}'], count: ENGINES }]);
  try {
    await until('all of them are ready', async () => (await running.rig.pool('fleet')).state === 'running', UP_PATIENCE_MS);
    const engines = new Set((await running.rig.pool('fleet')).engines.map(({ pid }) => pid));
    return await costOf(running, (pid) => engines.has(pid));
  } finally {
    await running.end();
  }
}

async function costOf(running: Running, isEngine: (pid: number) => boolean): Promise<Cost> {
  await pause(systemClock, SETTLE_MS);
  const pids = treeOf(running.pid).filter((pid) => !isEngine(pid));
  const usedMs = (): number => pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
  const usedFromMs = usedMs();
  const fromMs = systemClock.nowMs();
  await pause(systemClock, IDLE_MS);
  const idleCpu = (usedMs() - usedFromMs) / (systemClock.nowMs() - fromMs);
  const [own = 0, ...added] = pids.map(pssBytes);
  return { processes: pids.length, ownPssBytes: own, addedPssBytes: added.reduce((sum, bytes) => sum + bytes, 0), idleCpu };
}
