/** Finds where the last lines of a stretch of log begin, reading backwards and no more than it takes. */
import type { EngineLog } from './log-file.ts';
import { CHUNK_BYTES } from './log-file.ts';

const NEWLINE = 10;

export interface Stretch {
  /** Absolute positions; `to` is behind the last byte. */
  readonly from: number;
  readonly to: number;
}

/** The position of the first of the last `lines` lines in the stretch. 64 KiB without a newline count as a line: such come in pieces. */
export async function tailPosition(log: EngineLog, stretch: Stretch, lines: number): Promise<number> {
  if (lines <= 0) return stretch.to;
  let left = lines;
  let end = stretch.to;
  // The newline that ends the last line begins no other.
  let searchTo = stretch.to - 1;
  while (end > stretch.from) {
    const from = Math.max(stretch.from, end - CHUNK_BYTES);
    const bytes = await readAll(log, { from, to: end });
    let at = lastNewline(bytes, searchTo - from);
    if (at === -1 && end - from === CHUNK_BYTES) left -= 1;
    if (left === 0) return from;
    for (; at !== -1; at = lastNewline(bytes, at)) {
      left -= 1;
      if (left === 0) return from + at + 1;
    }
    end = from;
    searchTo = from;
  }
  return stretch.from;
}

/** The beginning of the line that the byte at `position` is in, as far as 64 KiB back. */
export async function lineStart(log: EngineLog, position: number, lowest: number): Promise<number> {
  const from = Math.max(lowest, position - CHUNK_BYTES);
  const bytes = await readAll(log, { from, to: position });
  const newline = bytes.lastIndexOf(NEWLINE);
  return newline === -1 ? (from === lowest ? lowest : position) : from + newline + 1;
}

/** All bytes of a short stretch, over the borders of files; zeros where bytes are gone meanwhile. */
export async function readAll(log: EngineLog, stretch: Stretch): Promise<Buffer> {
  const bytes = Buffer.alloc(Math.max(0, stretch.to - stretch.from));
  for (let at = stretch.from; at < stretch.to; ) {
    const chunk = await log.read(at, stretch.to - at);
    if (chunk.bytes.length === 0 || chunk.position >= stretch.to) break;
    chunk.bytes.copy(bytes, chunk.position - stretch.from);
    at = chunk.position + chunk.bytes.length;
  }
  return bytes;
}

/** The last newline before `to`, or -1. */
function lastNewline(bytes: Buffer, to: number): number {
  return to <= 0 ? -1 : bytes.lastIndexOf(NEWLINE, to - 1);
}
