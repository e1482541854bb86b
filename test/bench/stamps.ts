/** What `stamps.sh`, the engine of the restart bench, writes each time it begins. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const STAMPS_ENGINE = join(import.meta.dirname, 'stamps.sh');

export interface Stamp {
  readonly pid: number;
  readonly atMs: number;
  /** How many there are by now: the generation, where each start writes one. */
  readonly count: number;
}

/** The newest start, or null when there was none yet. */
export function lastStamp(file: string): Stamp | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return null;
  }
  const lines = text.split('\n').slice(0, -1);
  const [pid, nanoseconds] = lines.at(-1)?.split(' ') ?? [];
  return pid === undefined || nanoseconds === undefined
    ? null
    : { pid: Number(pid), atMs: Number(BigInt(nanoseconds) / 1000n) / 1000, count: lines.length };
}
