/** How late a force-stop comes after its deadline, over many drains, on an idle machine and on one whose processors are all busy. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { Rig, until } from '../machine/rig.ts';
import { byValue, table, upTo } from './figures.ts';
import type { Part } from './part.ts';
import { TELLS_TERM, termsIn } from './terms.ts';

const DRAINS = Number(process.env.POOLD_BENCH_DRAINS ?? 1000);
/** Drained independently of each other, each again and again: one alone would take a quarter of an hour. */
const POOLS = 10;
const DEADLINE_MS = 500;

const GOALS = [
  { load: 'idle', busy: false, mostMs: 250 },
  { load: 'busy', busy: true, mostMs: 500 },
] as const;

export const lateness: Part = {
  name: 'lateness',
  title: 'deadline of a drain → TERM handler of an engine that is in use',
  async run() {
    const rows: string[][] = [];
    for (const { load, busy, mostMs } of GOALS) {
      const lateMs = (await measured(busy)).toSorted(byValue);
      const early = lateMs.filter((ms) => ms < 0).length;
      if (early > 0) throw new Error(`${early} of ${lateMs.length} force-stops came early, the first by ${-(lateMs[0] ?? 0)} ms`);
      const late = lateMs.filter((ms) => ms > mostMs).length;
      const figures = [lateMs[0], upTo(lateMs, 0.5), upTo(lateMs, 0.99), lateMs.at(-1)].map((ms) => (ms ?? Number.NaN).toFixed(1));
      rows.push([load, String(lateMs.length), ...figures, `${late} above ${mostMs} ms`]);
    }
    return `A lease is held beyond the deadline of ${DEADLINE_MS} ms; ${POOLS} pools are drained side by side. "busy": an endless loop per processor beside it.
The deadline is the one that the API tells, in whole milliseconds cut off, the handler is a shell's trap. An early one ends the bench.

${table(['machine', 'drains', 'least ms', 'p50', 'p99', 'most', 'beyond the goal'], rows)}`;
  },
};

async function measured(busy: boolean): Promise<number[]> {
  const names = Array.from({ length: POOLS }, (_, index) => `held-${index}`);
  const pool = (name: string): object => ({ engine: { command: ['bash', '-c', TELLS_TERM, `DIR/${name}`] }, readyAfter: '100ms' });
  const rig = new Rig(Object.fromEntries(names.map((name) => [name, pool(name)])));
  const loops: ChildProcess[] = [];
  try {
    await rig.start();
    if (busy) for (let loop = 0; loop < cpus().length; loop += 1) loops.push(spawn('/bin/sh', ['-c', 'while :; do :; done']));
    const all = await Promise.all(names.map((name) => drainedOften(rig, name, Math.ceil(DRAINS / POOLS))));
    for (const loop of loops) loop.kill('SIGKILL');
    await rig.endsClean();
    return all.flat();
  } finally {
    for (const loop of loops) loop.kill('SIGKILL');
    await rig.tidyUp();
  }
}

async function drainedOften(rig: Rig, name: string, times: number): Promise<number[]> {
  const lateMs: number[] = [];
  for (let drain = 0; drain < times; drain += 1) lateMs.push(await forced(rig, name));
  return lateMs;
}

/** From the deadline to the handler; below 0 would be early. */
async function forced(rig: Rig, name: string): Promise<number> {
  const before = termsIn(rig, name).length;
  await rig.poolReaches(name, 'running');
  await rig.client.leases.acquire(name, { holder: 'bench', ttlMs: 60_000, waitMs: 0, priority: null, key: null });
  const drain = await rig.client.act(name, { do: 'drain', replica: null, deadlineMs: DEADLINE_MS, extend: false }, null);
  const deadlineMs = Date.parse(drain.progress.deadlineAt ?? '');
  const atMs = await until('the engine was told', () => termsIn(rig, name)[before]);
  await rig.poolReaches(name, 'drained');
  await rig.client.act(name, { do: 'resume', replica: null }, null);
  return atMs - deadlineMs;
}
