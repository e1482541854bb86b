/** Leases and drains: pairs of acquire and release over the socket, an empty pool's drain until TERM, and how late a force-stop is. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import { Rig, until } from '../machine/rig.ts';

export interface LeaseFigures {
  readonly clients: number;
  readonly pairsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The same by one client. */
  readonly alonePerSecond: number;
  /** From the request to the engine's TERM handler, sorted. */
  readonly termMs: readonly number[];
  /** From the deadline to the engine's TERM handler, sorted; below 0 would be early. */
  readonly latenessMs: readonly number[];
}

interface Loaded {
  readonly pairs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const SECONDS = 8;

/** Writes the wall clock, in microseconds, when TERM comes: bash knows it without a further process. */
const SAYS_WHEN = `trap 'echo "$EPOCHREALTIME" >> "$0"; exit 0' TERM; while :; do sleep 1000 & wait; done`;

export async function benchLeases({ clients, drains }: { readonly clients: number; readonly drains: number }): Promise<LeaseFigures> {
  const engine = (file: string): object => ({ command: ['bash', '-c', SAYS_WHEN, `DIR/${file}`] });
  const rig = new Rig({
    busy: { engine: { command: ['sleep', '100000'] }, slots: clients, readyAfter: '0ms' },
    empty: { engine: engine('empty.terms'), readyAfter: '100ms' },
    held: { engine: engine('held.terms'), readyAfter: '100ms' },
  });
  try {
    await rig.start();
    await rig.poolReaches('busy', 'running');
    const many = await load(rig, clients);
    const one = await load(rig, 1);
    const termMs: number[] = [];
    const latenessMs: number[] = [];
    for (let drain = 0; drain < drains; drain += 1) {
      termMs.push(await untilTerm(rig));
      latenessMs.push(await lateness(rig));
    }
    await rig.endsClean();
    const { pairs, p50Ms, p99Ms } = many;
    return {
      clients,
      pairsPerSecond: pairs / SECONDS,
      p50Ms,
      p99Ms,
      alonePerSecond: one.pairs / SECONDS,
      termMs: termMs.toSorted(byValue),
      latenessMs: latenessMs.toSorted(byValue),
    };
  } finally {
    await rig.tidyUp();
  }
}

/** The clients are a process of their own: they shall not wait for the one that measures. */
async function load(rig: Rig, clients: number): Promise<Loaded> {
  const words = [join(import.meta.dirname, 'lease-clients.ts'), rig.path('run/lease.sock'), 'busy', String(clients), String(SECONDS)];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const code = await new Promise<number | null>((ended) => child.once('close', ended));
  if (code !== 0) throw new Error(`cannot measure leases: the clients ended by ${code}`);
  return JSON.parse(said) as Loaded;
}

async function untilTerm(rig: Rig): Promise<number> {
  const before = terms(rig, 'empty.terms').length;
  await rig.poolReaches('empty', 'running');
  const fromMs = systemClock.wallMs();
  await rig.client.act('empty', { do: 'drain', replica: null, deadlineMs: 60_000, extend: false }, null);
  const atMs = await until('the engine was told', () => terms(rig, 'empty.terms')[before]);
  await rig.poolReaches('empty', 'drained');
  await rig.client.act('empty', { do: 'resume', replica: null }, null);
  return atMs - fromMs;
}

async function lateness(rig: Rig): Promise<number> {
  const before = terms(rig, 'held.terms').length;
  await rig.poolReaches('held', 'running');
  await rig.client.leases.acquire('held', { holder: 'bench', ttlMs: 60_000, waitMs: 0, priority: null, key: null });
  const drain = await rig.client.act('held', { do: 'drain', replica: null, deadlineMs: 500, extend: false }, null);
  const deadlineMs = Date.parse(drain.progress.deadlineAt ?? '');
  const atMs = await until('the engine was told', () => terms(rig, 'held.terms')[before]);
  await rig.poolReaches('held', 'drained');
  await rig.client.act('held', { do: 'resume', replica: null }, null);
  return atMs - deadlineMs;
}

/** Milliseconds since 1970 at which TERM came. */
function terms(rig: Rig, file: string): number[] {
  return rig
    .text(file)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Number(line.replace(',', '.')) * 1_000);
}

function byValue(one: number, other: number): number {
  return one - other;
}
