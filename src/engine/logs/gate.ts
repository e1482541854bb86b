/** Lets many pass at once, or one alone with nobody inside: reads of a log, and the moment in which its bytes move. */
export class Gate {
  #inside = 0;
  #closed: Promise<void> | null = null;
  #empty: () => void = () => {};

  get closed(): boolean {
    return this.#closed !== null;
  }

  async pass<T>(through: () => Promise<T> | T): Promise<T> {
    while (this.#closed !== null) await this.#closed;
    this.#inside += 1;
    try {
      return await through();
    } finally {
      this.#inside -= 1;
      if (this.#inside === 0) this.#empty();
    }
  }

  /** Waits until nobody is inside; whoever comes meanwhile waits for the end of `alone`. */
  async alone<T>(alone: () => Promise<T> | T): Promise<T> {
    while (this.#closed !== null) await this.#closed;
    let open: () => void = () => {};
    this.#closed = new Promise((resolve) => {
      open = resolve;
    });
    try {
      if (this.#inside > 0) {
        await new Promise<void>((resolve) => {
          this.#empty = resolve;
        });
      }
      return await alone();
    } finally {
      this.#closed = null;
      open();
    }
  }
}
