/** One timer for all logs: once a second it looks at each, rotates those that are too long, one after the other, and makes room on a full disk. */
import { statfs } from 'node:fs/promises';
import type { Clock, Timer } from '../../clock.ts';
import type { EngineLog } from './log-file.ts';

const SWEEP_MS = 1_000;
/** Full is when less than this share of the file system is free, or less than this many bytes where that is less. */
const RESERVE_SHARE = 0.01;
const RESERVE_BYTES = 64 * 1024 * 1024;

export interface LogSweepOptions {
  readonly dir: string;
  readonly clock: Clock;
  /** A rotation that could not be done (nothing is lost by that), or the disk that could not be asked. */
  readonly failed: (error: Error) => void;
}

export class LogSweep {
  readonly #options: LogSweepOptions;
  readonly #logs = new Set<EngineLog>();
  #timer: Timer | null;
  #working: Promise<void> | null = null;

  constructor(options: LogSweepOptions) {
    this.#options = options;
    this.#timer = options.clock.after(SWEEP_MS, () => this.#timeElapsed());
  }

  add(log: EngineLog): void {
    this.#logs.add(log);
  }

  remove(log: EngineLog): void {
    this.#logs.delete(log);
  }

  /** What the timer does, now; resolves when rotations are done, too. */
  async sweep(): Promise<void> {
    for (const log of this.#logs) log.look();
    this.#working ??= this.#work().finally(() => {
      this.#working = null;
    });
    await this.#working;
  }

  /** No more looks; waits for a rotation under way. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    await this.#working;
  }

  #timeElapsed(): void {
    if (this.#timer === null) return;
    this.#timer = this.#options.clock.after(SWEEP_MS, () => this.#timeElapsed());
    this.sweep().catch(this.#options.failed);
  }

  async #work(): Promise<void> {
    await this.#makeRoom().catch(this.#options.failed);
    // One at a time: a copy each would only take the disk from the others and from the engines.
    for (const log of this.#logs) {
      if (log.needsRotation && this.#timer !== null) await log.rotate().catch(this.#options.failed);
    }
  }

  /** Drops older files, the oldest of all logs first, until the reserve is free again. */
  async #makeRoom(): Promise<void> {
    const { bavail, blocks, bsize } = await statfs(this.#options.dir);
    let missingBytes = Math.min(RESERVE_BYTES, blocks * bsize * RESERVE_SHARE) - bavail * bsize;
    while (missingBytes > 0) {
      const victim = [...this.#logs].filter((log) => log.olderFiles > 0).sort((one, other) => one.oldestMs - other.oldestMs)[0];
      if (victim === undefined) return;
      missingBytes -= victim.dropOldest();
    }
  }
}
