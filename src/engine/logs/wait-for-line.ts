/** The startup probe `logLine`: the first line of a generation that matches. */
import type { EngineLog } from './log-file.ts';
import { LogReader } from './log-reader.ts';
import { MAX_MATCH_CHARACTERS } from './patterns.ts';

export interface LineWanted {
  readonly generation: number;
  readonly pattern: RegExp;
  readonly signal: AbortSignal;
}

/** The matching line, from the generation's first byte on; null when `signal` fired or the generation was over before. */
export async function waitForLine(log: EngineLog, { generation, pattern, signal }: LineWanted): Promise<string | null> {
  log.look();
  const from = log.windowOf(generation)?.from ?? log.end;
  const reader = new LogReader(log, { from, to: null, generation });
  while (!signal.aborted) {
    const lines = await reader.next();
    const found = lines?.find((line) => line.is === 'line' && pattern.test(line.text.slice(0, MAX_MATCH_CHARACTERS)));
    if (found?.is === 'line') return found.text;
    if (lines === null && reader.isOver) return null;
    if (lines === null) await reader.grown(signal);
  }
  return null;
}
