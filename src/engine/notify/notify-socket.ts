/**
 * The NOTIFY_SOCKET of one generation. It is read for as long as it is there, long after READY=1 too: an engine that goes on talking
 * (STATUS=, WATCHDOG=1) would be blocked by a full queue.
 */
import type { Clock, Timer } from '../../clock.ts';
import { saysReady } from '../probes/notify.ts';
import type { ProbeOutcome } from '../probes/outcome.ts';
import type { DatagramSocket } from './unix-datagrams.ts';

/** A flood is read this much at a time, with a pause behind it: the sender waits, nobody else does. */
const BATCH = 32;
const PAUSE_MS = 10;
/** Behind a stranger's word: finding out whose it is may mean a look at the whole process table. */
const STRANGER_PAUSE_MS = 100;

export class NotifySocket {
  readonly #socket: DatagramSocket;
  readonly #clock: Clock;
  #isOurs: ((pid: number) => Promise<boolean>) | null = null;
  #heard: ((outcome: ProbeOutcome) => void) | null = null;
  /** Once it is good it stays so. */
  #last: ProbeOutcome | null = null;
  #pause: Timer | null = null;
  #closed = false;

  constructor(socket: DatagramSocket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
  }

  /** Begins to read, what came before first; `isOurs` tells whether a process belongs to the engine. Twice is harmless. */
  read(isOurs: (pid: number) => Promise<boolean>): void {
    const first = this.#isOurs === null;
    this.#isOurs = isOurs;
    if (first) this.#again();
  }

  listen(heard: (outcome: ProbeOutcome) => void): { close(): void } {
    this.#heard = heard;
    if (this.#last !== null) heard(this.#last);
    return {
      close: () => {
        if (this.#heard === heard) this.#heard = null;
      },
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#heard = null;
    this.#pause?.cancel();
    this.#socket.close();
  }

  #again(): void {
    if (!this.#closed) this.#socket.whenReadable(() => void this.#readBatch());
  }

  async #readBatch(): Promise<void> {
    for (let count = 0; count < BATCH; count += 1) {
      const datagram = this.#closed ? null : this.#socket.receive();
      if (datagram === null) return this.#again();
      if (this.#last?.ok === true || !saysReady(datagram.text)) continue;
      // ORDER: whose word it was is found out before the next one is taken: a sender that waits for its BARRIER=1 still lives.
      if (!(await this.#judged(datagram.senderPid))) return this.#later(STRANGER_PAUSE_MS);
    }
    this.#later(PAUSE_MS);
  }

  async #judged(senderPid: number): Promise<boolean> {
    const ours = (await this.#isOurs?.(senderPid).catch(() => false)) === true;
    const message = ours
      ? 'it said READY=1'
      : `cannot count READY=1 from pid ${senderPid}: that is no process of this engine, or it had ended already`;
    this.#last = { ok: ours, message };
    this.#heard?.(this.#last);
    return ours;
  }

  #later(delayMs: number): void {
    if (this.#closed) return;
    this.#pause = this.#clock.after(delayMs, () => this.#again());
  }
}
