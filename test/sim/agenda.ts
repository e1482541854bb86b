/** What is to come, in virtual time: a heap; of two things due at one time the one noted first happens first. */

interface Entry {
  readonly atMs: number;
  readonly order: number;
  /** Outlives a reboot of the machine, after which the clock counts anew. */
  readonly lasting: boolean;
  readonly run: () => void;
}

export class Agenda {
  #heap: Entry[] = [];
  #order = 0;
  #first = Number.MIN_SAFE_INTEGER;

  get nextMs(): number {
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  add(atMs: number, run: () => void): void {
    this.#push({ atMs, order: this.#order++, lasting: false, run });
  }

  /** Before all else that is due at that time. */
  addFirst(atMs: number, run: () => void): void {
    this.#push({ atMs, order: this.#first++, lasting: false, run });
  }

  addLasting(atMs: number, run: () => void): void {
    this.#push({ atMs, order: this.#order++, lasting: true, run });
  }

  take(): Entry | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (first !== undefined && last !== undefined && heap.length > 0) this.#sink(last);
    return first;
  }

  /** The machine has rebooted: what was due `fromMs` or later is due as much after `toMs`, and all that hung on processes is gone. */
  rebased(fromMs: number, toMs: number): void {
    const lasting = this.#heap.filter((entry) => entry.lasting).toSorted((one, other) => one.order - other.order);
    this.#heap = [];
    for (const entry of lasting) this.addLasting(entry.atMs - fromMs + toMs, entry.run);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || !before(entry, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = entry;
  }

  #sink(entry: Entry): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      let child = heap[down];
      const other = heap[down + 1];
      if (child === undefined) break;
      if (other !== undefined && before(other, child)) {
        down += 1;
        child = other;
      }
      if (!before(child, entry)) break;
      heap[at] = child;
      at = down;
    }
    heap[at] = entry;
  }
}

function before(one: Entry, other: Entry): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
