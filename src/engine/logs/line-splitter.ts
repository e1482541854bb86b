/** Bytes to lines. A line longer than `MAX_LINE_BYTES` comes in pieces, so that none ever becomes one huge string. */

export const MAX_LINE_BYTES = 64 * 1024;
const NEWLINE = 10;

export interface SplitLine {
  readonly text: string;
  /** Absolute positions of its first byte and behind its last one (behind the newline, where there is one). */
  readonly from: number;
  readonly to: number;
}

export class LineSplitter {
  #pending: Buffer = Buffer.alloc(0);
  #position: number;

  constructor(position: number) {
    this.#position = position;
  }

  /** Where the line begins that is not finished yet. */
  get position(): number {
    return this.#position;
  }

  /** The lines finished by `bytes`, which have to follow what was pushed before. */
  push(bytes: Buffer): SplitLine[] {
    const all = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    const lines: SplitLine[] = [];
    let from = 0;
    while (from < all.length) {
      const newline = all.indexOf(NEWLINE, from);
      const end = newline === -1 ? all.length : newline;
      if (end - from > MAX_LINE_BYTES) {
        const cut = characterBoundary(all, from + MAX_LINE_BYTES);
        lines.push(this.#line(all.subarray(from, cut), cut - from));
        from = cut;
      } else if (newline === -1) break;
      else {
        lines.push(this.#line(all.subarray(from, newline), newline + 1 - from));
        from = newline + 1;
      }
    }
    // A copy: a view would keep the whole chunk alive.
    this.#pending = Buffer.from(all.subarray(from));
    return lines;
  }

  /** What is there of an unfinished line: at the end, and where another generation begins. */
  flush(): SplitLine[] {
    const rest = this.#pending;
    this.#pending = Buffer.alloc(0);
    return rest.length === 0 ? [] : [this.#line(rest, rest.length)];
  }

  /** Goes on at `position`; what was unfinished is dropped. */
  jump(position: number): void {
    this.#pending = Buffer.alloc(0);
    this.#position = position;
  }

  #line(text: Buffer, advanceBytes: number): SplitLine {
    const from = this.#position;
    this.#position += advanceBytes;
    return { text: text.toString('utf8'), from, to: this.#position };
  }
}

/** At most three bytes back, so that no UTF-8 character is cut in two. */
function characterBoundary(bytes: Buffer, at: number): number {
  for (let back = 0; back < 4; back += 1) {
    if (((bytes[at - back] ?? 0) & 0xc0) !== 0x80) return at - back;
  }
  return at;
}
