/**
 * The log of one replica: `<pool>-<replica>.log` (`….b.log` for the other side), which IS the engine's stdout and stderr, with its older files and its side index.
 * The daemon spends nothing per byte: it looks at the size once a second and reads only when somebody asks.
 */
import { closeSync, constants, fchmodSync, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { sideStem } from '../identity.ts';
import { Gate } from './gate.ts';
import { IndexFile } from './index-file.ts';
import type { Mark } from './log-index.ts';
import type { LogOptions, LogParts } from './log-parts.ts';
import type { LogChunk } from './read-parts.ts';
import { readParts } from './read-parts.ts';
import { dropOldest, isInPlace, rotate } from './rotation.ts';
import { recover } from './rotation-recovery.ts';

export const CHUNK_BYTES = 64 * 1024;
const FILE_MODE = 0o640;

/** Opens or makes the log and ends what an earlier daemon left half done. Throws when the path is not a regular file or cannot be opened. */
export async function openLog(options: LogOptions): Promise<EngineLog> {
  const path = join(options.dir, `${sideStem(options)}.log`);
  const { limits, clock, freeze, emitDropped } = options;
  const fd = openForAppend(path);
  const file = new IndexFile(`${path}.index`);
  const parts: LogParts = { path, file, gate: new Gate(), clock, freeze, emitDropped, limits, fd, seenBytes: 0, canCollapse: true };
  try {
    await recover(parts);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const log = new EngineLog(parts);
  log.look();
  return log;
}

export class EngineLog {
  readonly #parts: LogParts;
  #rotating: Promise<void> | null = null;
  #closed = false;

  constructor(parts: LogParts) {
    this.#parts = parts;
  }

  get clock(): LogParts['clock'] {
    return this.#parts.clock;
  }

  get path(): string {
    return this.#parts.path;
  }

  /** The descriptor to hand to a launcher (O_APPEND); it stays ours. Valid from `started` of a generation to the next. */
  fd(): number {
    return this.#parts.fd;
  }

  /** Absolute position behind the last byte seen. */
  get end(): number {
    return this.#index.base + this.#parts.seenBytes;
  }

  /** Absolute position of the first byte that can still be read. */
  get oldest(): number {
    return this.#index.oldest;
  }

  /** Bytes in the log file itself, at the last look. */
  get sizeBytes(): number {
    return this.#parts.seenBytes;
  }

  get olderFiles(): number {
    return this.#index.older.length;
  }

  /** Wall-clock milliseconds by which all of the oldest older file had been written; 0 when that is not known. */
  get oldestMs(): number {
    const part = this.#index.older.at(-1);
    return (part && this.arrivedMs(part.from + part.bytes)) ?? 0;
  }

  get needsRotation(): boolean {
    return this.#parts.seenBytes > this.#parts.limits.maxSizeBytes;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Holds from the next rotation on. */
  setLimits(limits: LogOptions['limits']): void {
    this.#parts.limits = limits;
  }

  /** One fstat: notices what was written and stamps it; writes nothing when nothing was. */
  look(): void {
    const { gate, file, fd } = this.#parts;
    // While bytes move, the size means nothing; the next look sees all.
    if (gate.closed || this.#closed) return;
    const { size, mtimeMs } = fstatSync(fd);
    // Cut short by a stranger (or by the engine, which has the descriptor): what is in it now is new.
    if (size < this.#parts.seenBytes) file.append({ is: 'base', position: this.end });
    this.#parts.seenBytes = size;
    if (this.end <= this.#index.arrivals.last) return;
    // The file's own time is the time of the last write, however late we look (a daemon that was away).
    file.append({ is: 'at', position: this.end, atMs: Math.floor(Math.min(mtimeMs, this.clock.wallMs())) });
  }

  /** Marks the beginning of a generation, and makes the file anew if somebody removed it. ORDER: before `fd` and the spawn. */
  async started(generation: number): Promise<void> {
    await this.#parts.gate.alone(() => {
      if (!isInPlace(this.#parts)) {
        const fd = openForAppend(this.#parts.path);
        closeSync(this.#parts.fd);
        this.#parts.file.append({ is: 'base', position: this.end });
        this.#parts.fd = fd;
        this.#parts.seenBytes = fstatSync(fd).size;
      }
    });
    await this.#mark((place) => ({ is: 'start', generation, ...place }));
  }

  /** Marks its end; `how` is one line for people, such as `exit code 1 (gpu_oom)`. */
  async exited(generation: number, how: string): Promise<void> {
    await this.#mark((place) => ({ is: 'exit', generation, ...place, how }));
  }

  /** The highest that the index speaks of; 0 when it speaks of none. */
  /** Whether anything of that generation is in it. */
  knows(generation: number): boolean {
    return this.#index.windowOf(generation) !== null;
  }

  get lastGeneration(): number {
    return this.#index.lastGeneration;
  }

  /** Where a generation's output stands, `to` null while it is the last; null when nothing is known of it. */
  windowOf(generation: number): { readonly from: number; readonly to: number | null } | null {
    return this.#index.windowOf(generation);
  }

  mark(number: number): { readonly number: number; readonly mark: Mark } | null {
    return this.#index.mark(number);
  }

  firstMarkAt(position: number): number {
    return this.#index.firstMarkAt(position);
  }

  /** Wall-clock milliseconds by which the byte before `position` had arrived; null when it was not sampled yet. */
  arrivedMs(position: number): number | null {
    return this.#index.arrivals.arrivedMs(position);
  }

  positionSince(sinceMs: number): number {
    return this.#index.arrivals.positionSince(sinceMs);
  }

  /** At most `maxBytes` from `position` on, out of whichever file they are in now; less at the end of a file. */
  read(position: number, maxBytes = CHUNK_BYTES): Promise<LogChunk> {
    return this.#parts.gate.pass(() => (this.#closed ? { position, bytes: Buffer.alloc(0) } : readParts(this.#parts, position, maxBytes)));
  }

  /** Moves the head of the log into an older file; one at a time. Rejects when that failed: nothing is lost then. */
  rotate(): Promise<void> {
    this.#rotating ??= rotate(this.#parts).finally(() => {
      this.#rotating = null;
    });
    return this.#rotating;
  }

  /** Removes the oldest older file and counts it; the bytes that came free, 0 when there is none. */
  dropOldest(): number {
    return dropOldest(this.#parts);
  }

  /** Waits for a rotation under way and for readers; the engine keeps its own descriptor. */
  async close(): Promise<void> {
    await this.#rotating?.catch(() => {});
    await this.#parts.gate.alone(() => {
      if (!this.#closed) closeSync(this.#parts.fd);
      this.#closed = true;
    });
  }

  get #index(): LogParts['file']['index'] {
    return this.#parts.file.index;
  }

  async #mark(make: (place: { readonly position: number; readonly atMs: number }) => Mark): Promise<void> {
    await this.#parts.gate.pass(() => {
      this.look();
      this.#parts.file.append(make({ position: this.end, atMs: Math.floor(this.clock.wallMs()) }));
    });
  }
}

/** Never through a symbolic link; O_RDWR also because it never blocks on a FIFO that somebody put there. */
function openForAppend(path: string): number {
  const flags = constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_CREAT;
  let fd: number;
  try {
    fd = openSync(path, flags, FILE_MODE);
  } catch (cause) {
    throw new Error(`cannot open the log ${path}: ${(cause as Error).message}; it has to be a regular file that poold may write`, {
      cause,
    });
  }
  const stat = fstatSync(fd);
  if (!stat.isFile()) {
    closeSync(fd);
    throw new Error(`cannot open the log ${path}: it is not a regular file; move it away`);
  }
  // A new file got the mode less the umask; one that an operator has opened up further stays as it is.
  if (stat.size === 0) fchmodSync(fd, FILE_MODE);
  return fd;
}
