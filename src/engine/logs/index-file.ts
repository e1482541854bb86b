/** The side index on disk: `<pool>-<replica>.log.index`, one JSON record per line, appended; rewritten when it has grown long. */
import { closeSync, constants, fstatSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import type { IndexRecord } from './log-index.ts';
import { LogIndex, parseRecord } from './log-index.ts';

const MAX_LINES = 2_000;
/** Far above what `MAX_LINES` can make: a longer one is not ours, and is not read into memory. */
const MAX_BYTES = 8 * 1024 * 1024;
const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY, O_RDONLY } = constants;

export class IndexFile {
  readonly index = new LogIndex();
  readonly #path: string;
  #lines = 0;
  /** The file ends in a torn line or lacks records, for want of room: the next append writes it anew. */
  #stale: boolean;

  /** Reads what is there. A missing or damaged index is no error: positions then begin anew, and the older files keep theirs by their sizes. */
  constructor(path: string) {
    this.#path = path;
    const lines = readBounded(path).split('\n');
    this.#stale = lines.pop() !== '';
    for (const line of lines) {
      const record = parseRecord(line);
      if (record !== null) this.index.apply(record);
    }
    this.#lines = lines.length;
  }

  /** Applies and appends. A full disk loses nothing while the daemon lives: the file lags behind, and is never ahead. */
  append(record: IndexRecord): void {
    this.index.apply(record);
    this.#lines += 1;
    if (this.#stale || this.#lines > MAX_LINES) this.rewrite();
    else this.#write(`${JSON.stringify(record)}\n`);
  }

  /** ORDER: a whole file beside it, then the rename: a death in between leaves the old one. */
  rewrite(): void {
    const records = this.index.compact();
    const path = `${this.#path}.new`;
    try {
      // Never through a link, and never into what an earlier death left there.
      rmSync(path, { force: true });
      writeFileSync(path, records.map((record) => `${JSON.stringify(record)}\n`).join(''), { mode: 0o640, flag: 'wx' });
      renameSync(path, this.#path);
      this.#stale = false;
      this.#lines = records.length;
    } catch {
      this.#stale = true;
      rmSync(path, { force: true });
    }
  }

  #write(line: string): void {
    let written = 0;
    try {
      const fd = openSync(this.#path, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW, 0o640);
      try {
        written = writeSync(fd, line);
      } finally {
        closeSync(fd);
      }
    } catch {
      // As with a short write: the file is stale.
    }
    this.#stale = written < line.length;
  }
}

function readBounded(path: string): string {
  let fd: number;
  try {
    fd = openSync(path, O_RDONLY | O_NOFOLLOW);
  } catch {
    return '';
  }
  try {
    const stat = fstatSync(fd);
    return stat.isFile() && stat.size <= MAX_BYTES ? readFileSync(fd, 'utf8') : '';
  } finally {
    closeSync(fd);
  }
}
