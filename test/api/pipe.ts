/** What a test writes comes out of the readers. */
export class Pipe<T> {
  readonly #readers = new Set<(value: T) => void>();
  get readers(): number {
    return this.#readers.size;
  }

  write(value: T): void {
    for (const reader of this.#readers) reader(value);
  }

  async *read(signal: AbortSignal): AsyncGenerator<T> {
    const waiting: T[] = [];
    let wake = (): void => {};
    const reader = (value: T): void => {
      waiting.push(value);
      wake();
    };
    this.#readers.add(reader);
    signal.addEventListener('abort', () => wake(), { once: true });
    try {
      while (!signal.aborted) {
        yield* waiting.splice(0);
        if (waiting.length > 0 || signal.aborted) continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      this.#readers.delete(reader);
    }
  }
}
