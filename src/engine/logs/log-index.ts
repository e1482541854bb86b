/**
 * What is known about the bytes of one engine's log: where the file begins in the endless stream of that engine, which older files there are,
 * where generations begin and end, and when the bytes came. Built by applying records in the order in which they were appended.
 */
import { Arrivals } from './arrivals.ts';

/** Positions are absolute: byte 0 is the first that any generation of this replica ever wrote. They never go back. */
export type IndexRecord =
  /** The log file's first byte stands at `position`. */
  | { readonly is: 'base'; readonly position: number }
  /** An older file, the oldest first; only in a rewritten index. */
  | { readonly is: 'older'; readonly from: number; readonly bytes: number }
  /** A rotation is going to happen: the first `bytes` of the log, then `sizeBytes` long, are in a copy. */
  | { readonly is: 'rotate'; readonly bytes: number; readonly sizeBytes: number; readonly copied: boolean }
  /** It has happened. */
  | { readonly is: 'rotated' }
  /** It has not, and will not. */
  | { readonly is: 'kept' }
  | { readonly is: 'start'; readonly generation: number; readonly position: number; readonly atMs: number }
  | { readonly is: 'exit'; readonly generation: number; readonly position: number; readonly atMs: number; readonly how: string }
  | { readonly is: 'at'; readonly position: number; readonly atMs: number };

export type Mark = Extract<IndexRecord, { is: 'start' | 'exit' }>;
type Rotation = Extract<IndexRecord, { is: 'rotate' }>;

export interface OlderPart {
  readonly from: number;
  readonly bytes: number;
}

const MAX_MARKS = 256;

export class LogIndex {
  base = 0;
  /** Newest first, as `.1`, `.2` … are. */
  older: OlderPart[] = [];
  /** A rotation whose end was not recorded. */
  pending: Rotation | null = null;
  readonly arrivals = new Arrivals();
  #marks: Mark[] = [];
  #forgottenMarks = 0;

  apply(record: IndexRecord): void {
    switch (record.is) {
      case 'base':
        this.base = record.position;
        return;
      case 'older':
        this.older.unshift({ from: record.from, bytes: record.bytes });
        return;
      case 'rotate':
        this.pending = record;
        return;
      case 'rotated':
        this.#rotated();
        return;
      case 'kept':
        this.pending = null;
        return;
      case 'start':
      case 'exit':
        this.#marks.push(record);
        if (this.#marks.length > MAX_MARKS) this.#forgetMarks(1);
        return;
      case 'at':
        this.arrivals.add(record);
    }
  }

  /** The highest position that anything is known about. */
  get known(): number {
    return Math.max(this.base, this.arrivals.last, this.#marks.at(-1)?.position ?? 0);
  }

  get oldest(): number {
    return this.older.at(-1)?.from ?? this.base;
  }

  /** Marks are numbered for ever, so that a follower can keep its place; a number that is forgotten gives the next one that is not. */
  mark(number: number): { readonly number: number; readonly mark: Mark } | null {
    const place = Math.max(number, this.#forgottenMarks);
    const mark = this.#marks[place - this.#forgottenMarks];
    return mark === undefined ? null : { number: place, mark };
  }

  /** The number of the first mark at or behind `position`. */
  firstMarkAt(position: number): number {
    const found = this.#marks.findIndex((mark) => mark.position >= position);
    return this.#forgottenMarks + (found === -1 ? this.#marks.length : found);
  }

  get lastGeneration(): number {
    return Math.max(0, ...this.#marks.map((mark) => mark.generation));
  }

  /** Where a generation's output stands; `to` is null while no later one has started. Null: nothing is known of that generation. */
  windowOf(generation: number): { readonly from: number; readonly to: number | null } | null {
    const own = this.#marks.filter((mark) => mark.generation === generation);
    if (own.length === 0) return null;
    const start = own.find((mark) => mark.is === 'start');
    // Up to the NEXT start, not to the exit: a grandchild may have had the last word.
    const next = this.#marks.find((mark) => mark.is === 'start' && mark.generation > generation);
    return { from: start?.position ?? this.oldest, to: next?.position ?? null };
  }

  /** The same knowledge in as few records as it takes; what is about bytes that are gone is left out, but for the last two marks. */
  compact(): IndexRecord[] {
    const { oldest } = this;
    this.arrivals.forgetBefore(oldest);
    const gone = this.#marks.filter((mark) => mark.position < oldest).length;
    this.#forgetMarks(Math.max(0, Math.min(gone, this.#marks.length - 2)));
    return [
      { is: 'base', position: this.base },
      ...this.older.toReversed().map((part) => ({ is: 'older' as const, ...part })),
      ...(this.pending === null ? [] : [this.pending]),
      ...this.#marks,
      ...this.arrivals.samples.map((sample) => ({ is: 'at' as const, ...sample })),
    ];
  }

  #rotated(): void {
    if (this.pending === null) return;
    const { bytes, copied } = this.pending;
    // Not copied: those bytes are gone, a hole between the older files and the log.
    this.older = copied ? [{ from: this.base, bytes }, ...this.older] : this.older;
    this.base += bytes;
    this.pending = null;
  }

  #forgetMarks(count: number): void {
    this.#marks.splice(0, count);
    this.#forgottenMarks += count;
  }
}

/** One line of the index file; null for what is torn, damaged or of another version. */
export function parseRecord(line: string): IndexRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const record = value as Record<string, unknown>;
  const needed = typeof record.is === 'string' ? FIELDS.get(record.is) : undefined;
  if (needed === undefined || !needed.every((field) => isCount(record[field]))) return null;
  if (record.is === 'exit' && typeof record.how !== 'string') return null;
  if (record.is === 'rotate' && typeof record.copied !== 'boolean') return null;
  return record as unknown as IndexRecord;
}

const FIELDS: ReadonlyMap<string, readonly string[]> = new Map([
  ['base', ['position']],
  ['older', ['from', 'bytes']],
  ['rotate', ['bytes', 'sizeBytes']],
  ['rotated', []],
  ['kept', []],
  ['start', ['generation', 'position', 'atMs']],
  ['exit', ['generation', 'position', 'atMs']],
  ['at', ['position', 'atMs']],
]);

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
