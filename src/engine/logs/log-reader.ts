/** Walks a log forwards, chunk by chunk: lines, the marks between generations, and gaps where bytes are gone. Holds one chunk at most. */
import type { LogLine } from '../../pool/host.ts';
import type { SplitLine } from './line-splitter.ts';
import { LineSplitter } from './line-splitter.ts';
import type { EngineLog } from './log-file.ts';
import { CHUNK_BYTES } from './log-file.ts';
import type { Mark } from './log-index.ts';

const WAKE_MS = 100;

export interface ReaderOptions {
  readonly from: number;
  /** Null: to wherever the log ends by then. */
  readonly to: number | null;
  /** Only what belongs to this generation. */
  readonly generation: number | null;
}

export class LogReader {
  readonly #log: EngineLog;
  readonly #options: ReaderOptions;
  readonly #splitter: LineSplitter;
  #position: number;
  #nextMark: number;

  constructor(log: EngineLog, options: ReaderOptions) {
    this.#log = log;
    this.#options = options;
    this.#splitter = new LineSplitter(options.from);
    this.#position = options.from;
    this.#nextMark = log.firstMarkAt(options.from);
  }

  /** Where the next chunk begins. */
  get position(): number {
    return this.#position;
  }

  /** True when nothing can come any more, however long one waits. */
  get isOver(): boolean {
    return this.#position >= this.#end() || this.#log.isClosed;
  }

  /** What the next chunk brings, which may be no finished line; null when there is none now. */
  async next(): Promise<LogLine[] | null> {
    const found = this.#log.mark(this.#nextMark);
    const upTo = Math.min(this.#end(), found?.mark.position ?? Number.POSITIVE_INFINITY);
    if (this.#position < upTo) {
      const lines = await this.#readTo(upTo);
      if (lines !== null || found === null) return lines;
    }
    if (found === null || found.mark.position > this.#end()) return null;
    this.#nextMark = found.number + 1;
    if (this.#options.generation !== null && found.mark.generation !== this.#options.generation) return [];
    return [...this.flush(), { is: 'mark', text: markText(found.mark), atMs: found.mark.atMs }];
  }

  /** The unfinished last line. */
  flush(): LogLine[] {
    return this.#splitter.flush().map((line) => this.#dated(line));
  }

  /** Goes on with the first line that begins behind `position`; the gap counts every byte that was not handed out. */
  async skipTo(position: number): Promise<LogLine> {
    const chunk = await this.#log.read(position);
    const newline = chunk.bytes.indexOf(10);
    const target = chunk.position + (newline === -1 ? 0 : newline + 1);
    const bytes = target - this.#splitter.position;
    this.#position = target;
    this.#splitter.jump(target);
    this.#nextMark = this.#log.firstMarkAt(target);
    return { is: 'gap', bytes };
  }

  /** Resolves when there is something new, the log is closed or `signal` fires. Ten looks a second: a watch would fire for every write of a flood. */
  async grown(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.#log.isClosed) {
      this.#log.look();
      if (this.#log.end > this.#position || this.#log.mark(this.#nextMark) !== null) return;
      await this.#pause(signal);
    }
  }

  async #readTo(upTo: number): Promise<LogLine[] | null> {
    const { position, bytes } = await this.#log.read(this.#position, Math.min(CHUNK_BYTES, upTo - this.#position));
    if (position > this.#position) {
      const rest = this.flush();
      const gap = { is: 'gap' as const, bytes: position - this.#position };
      this.#position = position;
      this.#splitter.jump(position);
      return [...rest, gap];
    }
    if (bytes.length === 0) return null;
    this.#position += bytes.length;
    if (this.#position > this.#log.end) this.#log.look();
    return this.#splitter.push(bytes).map((line) => this.#dated(line));
  }

  #end(): number {
    const { to, generation } = this.#options;
    if (to !== null || generation === null) return to ?? Number.POSITIVE_INFINITY;
    return this.#log.windowOf(generation)?.to ?? Number.POSITIVE_INFINITY;
  }

  #dated(line: SplitLine): LogLine {
    return { is: 'line', text: line.text, atMs: this.#log.arrivedMs(line.to) };
  }

  #pause(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = this.#log.clock.after(WAKE_MS, done);
      signal.addEventListener('abort', done);
    });
  }
}

function markText(mark: Mark): string {
  return mark.is === 'start' ? `generation ${mark.generation} started` : `generation ${mark.generation} ended: ${mark.how}`;
}
