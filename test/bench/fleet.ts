/** Two hundred idle engines under one daemon: how soon they are up, and what they cost while nothing happens. */
import { pause, systemClock } from '../../src/clock.ts';
import { processesOf } from '../machine/processes.ts';
import { Rig } from '../machine/rig.ts';
import { mebibytes, table } from './figures.ts';
import type { Part } from './part.ts';
import { cpuMs, pssBytes } from './process-tree.ts';

const ENGINES = Number(process.env.POOLD_BENCH_ENGINES ?? 200);

/** Time for the daemon's heap to come to rest. */
const SETTLE_MS = 5_000;
const IDLE_MS = 10_000;

interface Fleet {
  readonly engines: number;
  /** From the start of the daemon's process until it answers, with no engine. */
  readonly daemonUpMs: number;
  /** From the command until all are ready. */
  readonly allReadyMs: number;
  /** From the start of a second daemon, after SIGKILL of the first, until all are adopted and it answers. */
  readonly adoptedMs: number;
  readonly emptyPssBytes: number;
  readonly fullPssBytes: number;
  /** Of all launchers together. */
  readonly launcherPssBytes: number;
  /** Share of one processor, 0 to 1. */
  readonly idleCpu: number;
}

export const fleet: Part = {
  name: 'fleet',
  title: `${ENGINES} engines: start, adoption, weight`,
  run: async () => told(await measured(ENGINES)),
};

function told(of: Fleet): string {
  const each = (bytes: number): string => `${(bytes / 1024 / of.engines).toFixed(0)} KiB`;
  const rows = [
    ['daemon started until it answers, no engine', `${of.daemonUpMs.toFixed(0)} ms`],
    [`\`start\` until all ${of.engines} are ready`, `${of.allReadyMs.toFixed(0)} ms`],
    [`after SIGKILL: daemon started until all ${of.engines} are adopted and it answers`, `${of.adoptedMs.toFixed(0)} ms`],
    ['PSS of the daemon without engines', `${mebibytes(of.emptyPssBytes)} MiB`],
    [`PSS of the daemon with ${of.engines}`, `${mebibytes(of.fullPssBytes)} MiB`],
    ['that is, per engine', each(of.fullPssBytes - of.emptyPssBytes)],
    ['PSS of its launcher, per engine', each(of.launcherPssBytes)],
    ['processor of the idle daemon, over 10 s', `${(of.idleCpu * 100).toFixed(2)} % of one`],
  ];
  return `\`sleep\`, all of one pool, no probes.

${table(['', ''], rows)}`;
}

async function measured(engines: number): Promise<Fleet> {
  const rig = new Rig({ fleet: { engine: { command: ['sleep', '100000'] }, replicas: engines, autostart: false, readyAfter: '0ms' } });
  try {
    const fromMs = systemClock.nowMs();
    const first = await rig.start();
    const daemonUpMs = systemClock.nowMs() - fromMs;
    await pause(systemClock, SETTLE_MS);
    const emptyPssBytes = pssBytes(first.pid);
    const startedMs = systemClock.nowMs();
    await rig.client.act('fleet', { do: 'start', replica: null }, null);
    await rig.poolReaches('fleet', 'running');
    const allReadyMs = systemClock.nowMs() - startedMs;
    await pause(systemClock, SETTLE_MS);
    const cpuFrom = cpuMs(first.pid);
    const idleFromMs = systemClock.nowMs();
    await pause(systemClock, IDLE_MS);
    const idleCpu = (cpuMs(first.pid) - cpuFrom) / (systemClock.nowMs() - idleFromMs);
    const fullPssBytes = pssBytes(first.pid);
    const { instance } = JSON.parse(rig.text('state/identity.json')) as { instance: string };
    const launchers = processesOf(instance).filter(({ isLauncher }) => isLauncher);
    if (launchers.length !== engines) throw new Error(`cannot weigh the launchers: there are ${launchers.length} for ${engines} engines`);
    const launcherPssBytes = launchers.reduce((sum, { pid }) => sum + pssBytes(pid), 0);
    await rig.endDaemon('SIGKILL');
    const againMs = systemClock.nowMs();
    await rig.start();
    await rig.poolReaches('fleet', 'running');
    const adoptedMs = systemClock.nowMs() - againMs;
    await rig.endsClean();
    return { engines, daemonUpMs, allReadyMs, adoptedMs, emptyPssBytes, fullPssBytes, launcherPssBytes, idleCpu };
  } finally {
    await rig.tidyUp();
  }
}
