/** A client's connection to one daemon: either side's end closes it, and whoever hangs on it hears of that once. */
export class Connection {
  open = true;
  readonly #closed = new Set<() => void>();

  onClose(run: () => void): void {
    this.#closed.add(run);
  }

  forget(run: () => void): void {
    this.#closed.delete(run);
  }

  /** The client hangs up, or is gone: the daemon notices. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    for (const run of [...this.#closed]) run();
    this.#closed.clear();
  }

  /** The daemon is gone: there is nobody to notice. */
  lost(): void {
    this.open = false;
    this.#closed.clear();
  }
}
