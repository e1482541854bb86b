/** Answers a question about a log: the last lines, those since a time, those of a generation, and those to come. */
import type { LogLine, LogQuery } from '../../pool/host.ts';
import type { EngineLog } from './log-file.ts';
import { LogReader } from './log-reader.ts';
import { lineStart, tailPosition } from './tail-position.ts';

/** A follower that is further behind than this, for longer than `LAG_MS`, is cut: it goes on near the end. */
const LAG_BYTES = 1024 * 1024;
const LAG_MS = 1_000;
const RESUME_BYTES = 64 * 1024;

/**
 * Reads only as fast as it is asked: the file is the buffer, so a slow reader slows nobody and holds one chunk.
 * Without `follow` it ends at what was there when it began; with it, when `signal` fires, or the asked generation is over.
 */
export async function* readLog(log: EngineLog, query: LogQuery, signal: AbortSignal): AsyncGenerator<LogLine, void, undefined> {
  log.look();
  const window = query.generation === null ? { from: log.oldest, to: null } : log.windowOf(query.generation);
  if (window === null) return;
  const to = window.to ?? log.end;
  const from = await beginning(log, query, { from: Math.max(window.from, log.oldest), to });
  const reader = new LogReader(log, { from, to: query.follow ? null : to, generation: query.generation });
  /** When it was last at the end; null until it has passed what was there at the beginning, which comes whole. */
  let atEndMs: number | null = null;
  while (!signal.aborted) {
    if (reader.position >= to) atEndMs ??= log.clock.nowMs();
    if (atEndMs !== null && isTooSlow(log, reader, atEndMs)) {
      yield await reader.skipTo(log.end - RESUME_BYTES);
      atEndMs = log.clock.nowMs();
    }
    const lines = await reader.next();
    if (lines !== null) yield* lines;
    else if (!query.follow || reader.isOver) {
      yield* reader.flush();
      return;
    } else {
      await reader.grown(signal);
      atEndMs = log.clock.nowMs();
    }
  }
}

async function beginning(log: EngineLog, query: LogQuery, stretch: { from: number; to: number }): Promise<number> {
  let { from } = stretch;
  if (query.sinceMs !== null) {
    const since = Math.min(log.positionSince(query.sinceMs), stretch.to);
    if (since > from) from = await lineStart(log, since, from);
  }
  return query.tail === null ? from : tailPosition(log, { from, to: stretch.to }, query.tail);
}

function isTooSlow(log: EngineLog, reader: LogReader, atEndMs: number): boolean {
  if (log.clock.nowMs() - atEndMs <= LAG_MS) return false;
  log.look();
  return log.end - reader.position > LAG_BYTES;
}
