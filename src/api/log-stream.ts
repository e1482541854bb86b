/** Log lines of one or several engines as one stream, each line as it comes. */

import { counted } from '../config/counted.ts';
import { escapeForTerminal } from '../engine/logs/terminal.ts';
import type { LogLine } from '../pool/host.ts';
import { stamp } from '../stamp.ts';
import type { LogRecord } from './schemas.ts';

export interface LogSource {
  readonly engine: string;
  readonly lines: AsyncIterable<LogLine>;
}

/** Lines for one reader: one JSON object each, or plain text. Following, engines are mixed as they write; else they come one after the other. */
export async function* logStream(
  sources: readonly LogSource[],
  options: { readonly text: boolean; readonly follows: boolean },
): AsyncGenerator<string> {
  const named = sources.length > 1;
  const records = options.follows && named ? mixed(sources) : inTurn(sources);
  // A follower gets each line at once; whoever wants what is there gets it in pieces, as a write per line would cost ten times as much.
  const enoughChars = options.follows ? 0 : PIECE_CHARS;
  let piece = '';
  for await (const record of records) {
    piece += `${options.text ? textOf(record, named) : JSON.stringify(record)}\n`;
    if (piece.length < enoughChars) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

const PIECE_CHARS = 32 * 1024;

async function* inTurn(sources: readonly LogSource[]): AsyncGenerator<LogRecord> {
  for (const { engine, lines } of sources) for await (const line of lines) yield recordOf(engine, line);
}

/** One line of each engine is under way at a time, so a slow reader holds back all of them and nothing piles up here. */
async function* mixed(sources: readonly LogSource[]): AsyncGenerator<LogRecord> {
  const open = new Map<number, Promise<{ readonly index: number; readonly next: IteratorResult<LogLine> }>>();
  const iterators = sources.map((source) => source.lines[Symbol.asyncIterator]());
  const ask = (index: number): void => {
    const asked = iterators[index]?.next();
    if (asked !== undefined)
      open.set(
        index,
        asked.then((next) => ({ index, next })),
      );
  };
  try {
    for (const index of iterators.keys()) ask(index);
    while (open.size > 0) {
      const { index, next } = await Promise.race(open.values());
      open.delete(index);
      if (next.done) continue;
      ask(index);
      yield recordOf(sources[index]?.engine ?? '', next.value);
    }
  } finally {
    // Those still asked end by the request's abort signal; waiting for them here could wait for the next line of a silent engine.
    for (const asked of open.values()) asked.catch(() => {});
    for (const iterator of iterators) void Promise.resolve(iterator.return?.()).catch(() => {});
  }
}

function recordOf(engine: string, line: LogLine): LogRecord {
  if (line.is === 'gap') return { engine, is: 'gap', bytes: line.bytes };
  return { engine, is: line.is, text: line.text, at: line.atMs === null ? null : stamp(line.atMs) };
}

function textOf(record: LogRecord, named: boolean): string {
  const prefix = named ? `${record.engine}: ` : '';
  if (record.is === 'gap') return `${prefix}--- ${counted(record.bytes ?? 0, 'byte')} left out: this reader was too slow ---`;
  if (record.is === 'mark') return `${prefix}--- ${escapeForTerminal(record.text ?? '')} ---`;
  return prefix + escapeForTerminal(record.text ?? '');
}
