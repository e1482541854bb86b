/** One engine writes 1 GB to its log as fast as it goes, while nine others are read: speed, what is kept, and what others notice of it. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pause, systemClock } from '../../src/clock.ts';
import { until } from '../machine/rig.ts';
import { byValue, mebibytes, median, ratio, spread, table, upTo } from './figures.ts';
import { FLOOD_LINE_BYTES, keptOf } from './flood-kept.ts';
import type { Part } from './part.ts';
import type { Peer, Running } from './peers/peer.ts';
import { sizeOf } from './peers/peer.ts';
import { pm2 } from './peers/pm2.ts';
import type { RunningPoold } from './peers/poold.ts';
import { poold } from './peers/poold.ts';
import { supervisord } from './peers/supervisord.ts';

const BYTES = Number(process.env.POOLD_BENCH_FLOOD_BYTES ?? 1_000_000_000);
const ROUNDS = Number(process.env.POOLD_BENCH_ROUNDS ?? 3);
const OTHERS = 9;
const LOG_MEBIBYTES = 64;
const PATIENCE_MS = 300_000;
/** Between two calls of the one that asks all the time. */
const CALL_EVERY_MS = 5;

interface Flooded {
  readonly bytesPerSecond: number;
  readonly keptBytes: number;
  readonly droppedBytes: number;
  /** How much more of memory than before the supervisor had at its worst moment. */
  readonly growthBytes: number;
  /** Sorted; none when it cannot be asked. */
  readonly callsMs: readonly number[];
  /** Of the nine that are read: lines that came to the reader with the slowest log. */
  readonly leastLines: number;
}

export const flood: Part = {
  name: 'flood',
  title: `${(BYTES / 1e9).toFixed(1)} GB by one engine, nine others followed`,
  async run() {
    const peers: readonly Peer[] = [poold({ pool: { logs: { maxSize: `${LOG_MEBIBYTES}MiB`, keep: 20 } } }), supervisord, pm2];
    const able = peers.filter(({ lacks }) => lacks === null);
    const results = new Map<string, Flooded[]>(able.map(({ name }) => [name, []]));
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const peer of able) results.get(peer.name)?.push(await flooded(peer));
    }
    return told(peers, results);
  },
};

function told(peers: readonly Peer[], results: ReadonlyMap<string, readonly Flooded[]>): string {
  const [first] = peers;
  const speeds = (name: string): number[] => (results.get(name) ?? []).map(({ bytesPerSecond }) => bytesPerSecond);
  const ours = speeds(first?.name ?? '');
  const rows = peers.map(({ name, lacks }) => {
    const rounds = results.get(name);
    if (rounds === undefined) return [name, lacks ?? '', '', '', '', '', ''];
    const calls = rounds.flatMap(({ callsMs }) => callsMs).toSorted(byValue);
    const kept = rounds.map(({ keptBytes }) => keptBytes);
    const dropped = rounds.map(({ droppedBytes }) => droppedBytes);
    return [
      name,
      spread(
        speeds(name).map((speed) => speed / 1e6),
        0,
      ),
      ratio(ours, speeds(name)).toFixed(1),
      `${median(kept.toSorted(byValue))} + ${median(dropped.toSorted(byValue))}`,
      mebibytes(Math.max(...rounds.map(({ growthBytes }) => growthBytes))),
      calls.length === 0 ? '' : `${upTo(calls, 0.5).toFixed(1)}, ${upTo(calls, 0.99).toFixed(1)}, ${(calls.at(-1) ?? 0).toFixed(1)}`,
      String(Math.min(...rounds.map(({ leastLines }) => leastLines))),
    ];
  });
  const head = [
    '',
    'MB/s, as the engine writes',
    'poold ÷ it',
    'bytes kept + dropped',
    'memory, MiB more',
    'calls p50, p99, most ms',
    'lines followed',
  ];
  return `${BYTES} bytes in lines of ${FLOOD_LINE_BYTES} to stdout, ${ROUNDS} rounds in turns; logs of ${LOG_MEBIBYTES} MiB, 20 older ones (PM2 does not rotate).
Of poold it is checked that its count of bytes is the engine's, that kept + dropped is as many, and that what is kept is every line in order.
"Memory": peak resident size of the supervisor above that before. "Calls": state of all programs, asked all the time. "Lines followed": the
fewest that came to any of the nine readers during the flood, at a hundred lines a second.

${table(head, rows)}`;
}

async function flooded(peer: Peer): Promise<Flooded> {
  const dir = mkdtempSync(join(tmpdir(), 'poold-bench-flood-'));
  try {
    return await floodedIn(dir, peer);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function floodedIn(dir: string, peer: Peer): Promise<Flooded> {
  const [go, done] = [join(dir, 'go'), join(dir, 'done')];
  const program = (name: string, ...args: string[]): string[] => [process.execPath, join(import.meta.dirname, name), ...args];
  const running = await peer.start([
    { name: 'flood', argv: program('floods.mjs', String(BYTES), go, done), count: 1 },
    { name: 'other', argv: program('speaks.mjs'), count: OTHERS },
  ]);
  try {
    const lines = new Array<number>(OTHERS).fill(0);
    const stops = lines.map((_, index) =>
      running.follow?.('other', index, (text) => {
        lines[index] = (lines[index] ?? 0) + text.split('\n').length - 1;
      }),
    );
    await until(`all nine logs of ${peer.name} are read`, () => {
      if (lines.every((count) => count > 0)) return true;
      throw new Error(`lines of each so far: ${lines.join(', ')}`);
    });
    // What earlier runs have left to write would slow this one down.
    spawnSync('sync');
    const beforeBytes = resetPeak(running.pid);
    const linesBefore = [...lines];
    const calls = running.call === null ? null : caller(running.call);
    writeFileSync(go, '');
    await until('the flood is over', () => existsSync(done), PATIENCE_MS);
    const linesThen = lines.map((count, index) => count - (linesBefore[index] ?? 0));
    const callsMs = (await calls?.stop()) ?? [];
    const growthBytes = peakBytes(running.pid) - beforeBytes;
    const { keptBytes, droppedBytes } = await accounted(running);
    for (const stop of stops) stop?.();
    return {
      bytesPerSecond: (BYTES / Number(readFileSync(done, 'utf8'))) * 1_000,
      keptBytes,
      droppedBytes,
      growthBytes,
      callsMs: callsMs.toSorted(byValue),
      leastLines: Math.min(...linesThen),
    };
  } finally {
    await running.end();
  }
}

/** Of poold all has to be accounted for, or its speed is worth nothing. */
async function accounted(running: Running): Promise<{ readonly keptBytes: number; readonly droppedBytes: number }> {
  const files = running.logs?.('flood') ?? [];
  if (!('rig' in running)) {
    const keptBytes = await until('all that it keeps is written', () => settled(() => keptOf(files).bytes), PATIENCE_MS);
    return { keptBytes, droppedBytes: 0 };
  }
  const { rig } = running as RunningPoold;
  const counted = async (metric: string): Promise<number> =>
    Number(
      new RegExp(`^poold_${metric}\\{pool="flood",replica="0"\\} (\\d+)$`, 'm').exec(await metrics(rig.path('run/api.sock')))?.[1] ?? 0,
    );
  await until('poold has counted every byte', async () => (await counted('log_bytes_total')) === BYTES);
  // In the middle of a rotation what is moved is there twice, and the log is still too long.
  await until('all rotations are done', () => sizeOf([rig.path('state/logs/flood-0.log')]) <= LOG_MEBIBYTES * 2 ** 20, PATIENCE_MS);
  const kept = keptOf(running.logs?.('flood') ?? []);
  const droppedBytes = await counted('log_dropped_bytes_total');
  if (kept.bytes + droppedBytes !== BYTES || !kept.inOrder) {
    throw new Error(`poold has lost log: ${kept.bytes} kept and ${droppedBytes} dropped of ${BYTES}, in order: ${kept.inOrder}`);
  }
  return { keptBytes: kept.bytes, droppedBytes };
}

/** The value once it has stayed the same for a second. */
async function settled(look: () => number): Promise<number | null> {
  const before = look();
  await pause(systemClock, 1_000);
  return look() === before ? before : null;
}

function caller(call: () => Promise<void>): { stop(): Promise<readonly number[]> } {
  const tookMs: number[] = [];
  let over = false;
  const asking = (async () => {
    while (!over) {
      const fromMs = systemClock.nowMs();
      await call();
      tookMs.push(systemClock.nowMs() - fromMs);
      await pause(systemClock, CALL_EVERY_MS);
    }
  })();
  return {
    async stop() {
      over = true;
      await asking;
      return tookMs;
    },
  };
}

/** The peak begins anew at what there is now, which is the answer. */
function resetPeak(pid: number): number {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
  return peakBytes(pid);
}

function peakBytes(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

function metrics(socketPath: string): Promise<string> {
  return new Promise((told, failed) => {
    const asked = request({ socketPath, path: '/metrics' }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      answer.on('end', () => told(text));
    });
    asked.on('error', failed);
    asked.end();
  });
}
