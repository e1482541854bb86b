/** The clocks that one daemon goes by, set while it runs: libfaketime lies between it and the kernel. Its engines have the machine's. */
import { spawnSync } from 'node:child_process';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Rig } from './rig.ts';
import { needs } from './rig.ts';

export const DAY_MS = 86_400_000;

export class FakeClock {
  readonly #file: string;
  readonly #moves: 'wall' | 'all';
  #offsetMs = 0;

  /** `moves`: the wall clock alone, as an operator sets it, or the monotonic one too, as when time passes. */
  constructor(file: string, moves: 'wall' | 'all') {
    this.#file = file;
    this.#moves = moves;
    this.set(0);
  }

  /** Of the daemon. `faketime` knows where its library is. */
  get #env(): Readonly<Record<string, string>> {
    needs('faketime', 'faketime');
    const { stdout } = spawnSync('faketime', ['-f', '+0', 'env'], { encoding: 'utf8' });
    const preload = /^LD_PRELOAD=(.*)$/m.exec(stdout)?.[1];
    if (preload === undefined) throw new Error(`cannot tell where libfaketime is: ${stdout}`);
    const monotonic = this.#moves === 'wall' ? { DONT_FAKE_MONOTONIC: '1' } : {};
    return { LD_PRELOAD: preload, FAKETIME_TIMESTAMP_FILE: this.#file, FAKETIME_NO_CACHE: '1', NO_FAKE_STAT: '1', ...monotonic };
  }

  /** A daemon on this clock. One that is killed leaves libfaketime's shared memory behind, which is removed behind the rigs. */
  async start(rig: Rig): Promise<void> {
    const { pid } = await rig.start({ env: this.#env });
    onTestFinished(() => {
      for (const name of ['faketime_shm', 'sem.faketime_sem']) rmSync(`/dev/shm/${name}_${pid}`, { force: true });
    });
  }

  /** So far from the machine's. */
  set(days: number): void {
    this.#offsetMs = days * DAY_MS;
    writeFileSync(`${this.#file}.new`, `${days < 0 ? '' : '+'}${days}d\n`);
    renameSync(`${this.#file}.new`, this.#file);
  }

  /** How far a stamp of the daemon's lies from its now. */
  fromNowMs(stamp: string | null | undefined): number {
    return Date.parse(stamp ?? '') - (systemClock.wallMs() + this.#offsetMs);
  }
}
