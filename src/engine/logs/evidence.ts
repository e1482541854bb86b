/** What is left to read of a generation that has ended: its last lines, the first that tells why, and the kernel's word on memory. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Evidence } from '../../pool/pool-events.ts';
import { LineSplitter } from './line-splitter.ts';
import type { EngineLog } from './log-file.ts';
import type { CompiledPattern } from './patterns.ts';
import { firstMatch } from './patterns.ts';
import { readAll } from './tail-position.ts';

const LAST_LINES = 200;
const LAST_BYTES = 64 * 1024;
/** Only what was written this shortly before the end can be the reason for it. */
const REASON_WINDOW_MS = 10_000;

export interface EvidenceOptions {
  readonly log: EngineLog;
  readonly generation: number;
  /** Wall-clock milliseconds of the end. */
  readonly endedAtMs: number;
  readonly patterns: readonly CompiledPattern[];
  /** The generation's own cgroup v2 directory, or null. */
  readonly cgroup: string | null;
}

/** To be asked when the whole tree is gone (nothing more is written) and before its cgroup is removed. */
export async function gatherEvidence(options: EvidenceOptions): Promise<Evidence> {
  const { log, generation } = options;
  const oomKilled = options.cgroup !== null && (await oomKills(options.cgroup)) > 0;
  log.look();
  const window = log.windowOf(generation);
  if (window === null) return { oomKilled, patternClass: null, matchedLine: null, lastLines: [] };
  const to = window.to ?? log.end;
  const lowest = Math.max(window.from, log.oldest);
  const from = Math.max(lowest, to - LAST_BYTES);
  const splitter = new LineSplitter(from);
  const lines = [...splitter.push(await readAll(log, { from, to })), ...splitter.flush()];
  // Begun before the window: half a line says half the truth. But one that fills the window is all there is.
  const whole = from > lowest && lines.length > 1 ? lines.slice(1) : lines;
  const last = whole.slice(-LAST_LINES);
  const reasonFrom = log.positionSince(options.endedAtMs - REASON_WINDOW_MS);
  const recent = last.filter((line) => line.to > reasonFrom).map((line) => line.text);
  const match = firstMatch(recent, options.patterns);
  return { oomKilled, patternClass: match?.class ?? null, matchedLine: match?.line ?? null, lastLines: last.map((line) => line.text) };
}

/** How many processes of this cgroup the kernel killed for want of memory; 0 where it does not say (no memory controller). */
async function oomKills(cgroup: string): Promise<number> {
  const events = await readFile(join(cgroup, 'memory.events'), 'utf8').catch(() => '');
  return Number(/^oom_kill (\d+)$/m.exec(events)?.[1] ?? 0);
}
