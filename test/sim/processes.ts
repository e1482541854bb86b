/** The processes as they really are, whatever any daemon believes: one tree per generation, a main process and what it leaves behind. */
import type { EngineRef, Identity } from '../../src/engine/identity.ts';
import type { Agenda } from './agenda.ts';
import type { End, Traits } from './traits.ts';

export interface Process {
  readonly ref: EngineRef;
  readonly identity: Identity;
  readonly port: number | null;
  readonly traits: Traits;
  readonly startedMs: number;
  mainLives: boolean;
  restLives: boolean;
  hangs: boolean;
  /** As its launcher recorded it. */
  exit: (End & { readonly wallMs: number }) | null;
  oomKilled: boolean;
  /** When a daemon told it to end, and which daemon. */
  termAtMs: number | null;
  termEpoch: number;
  /** KILL was sent; once is enough to send it again. */
  killed: boolean;
  /** A person has vouched that it does not matter any more. */
  forgotten: boolean;
  /** The daemon has concluded its end, and with that its record may go. */
  released: boolean;
}

export interface Around {
  readonly agenda: Agenda;
  readonly nowMs: () => number;
  readonly wallMs: () => number;
  /** Somebody may be watching. */
  readonly mainEnded: (process: Process) => void;
  readonly treeGone: (process: Process) => void;
}

/** Released generations that are remembered per engine. One that has ended and not been released has its record still: news of it can come late. */
const KEPT = 4;

export class Processes {
  /** From now on nothing goes wrong by itself. */
  calm = false;
  readonly #around: Around;
  readonly #known = new Map<string, Process[]>();
  #pid = 100;

  constructor(around: Around) {
    this.#around = around;
  }

  find(ref: EngineRef): Process | undefined {
    return this.#of(ref).find((process) => process.ref.generation === ref.generation);
  }

  /** Those of the replica, whatever their generation. */
  #of(ref: { readonly pool: string; readonly replica: number }): readonly Process[] {
    return this.#known.get(`${ref.pool}/${ref.replica}`) ?? [];
  }

  living(ref: { readonly pool: string; readonly replica: number }): readonly Process[] {
    return this.#of(ref).filter(treeLives);
  }

  allLiving(): Process[] {
    return [...this.#known.values()].flat().filter(treeLives);
  }

  make(given: { readonly ref: EngineRef; readonly port: number | null; readonly traits: Traits; readonly bootId: string }): Process {
    const { ref, port, traits, bootId } = given;
    const pid = this.#pid;
    this.#pid += 2;
    const now = this.#around.nowMs();
    const identity: Identity = {
      bootId,
      pid,
      startTicks: Math.round(now / 10),
      launcherPid: pid - 1,
      launcherStartTicks: Math.round(now / 10),
      cgroup: null,
      instance: `${ref.pool}-${ref.replica}-${ref.generation}-${pid}`,
    };
    const process: Process = {
      ref,
      identity,
      port,
      traits,
      startedMs: now,
      mainLives: true,
      restLives: false,
      hangs: false,
      exit: null,
      oomKilled: false,
      termAtMs: null,
      termEpoch: -1,
      killed: false,
      forgotten: false,
      released: false,
    };
    const key = `${ref.pool}/${ref.replica}`;
    const others = this.#of(ref);
    const kept = others.filter((other, index) => treeLives(other) || !other.released || index >= others.length - KEPT);
    this.#known.set(key, [...kept, process]);
    const { ends } = traits;
    if (ends !== null) this.#later(ends.afterMs, () => this.calm || this.end(process, ends, traits.oomKilled));
    return process;
  }

  release(ref: EngineRef): void {
    const process = this.find(ref);
    if (process !== undefined) process.released = true;
  }

  /** Its main process ends, by itself or by somebody else's hand. */
  end(process: Process, how: End, oomKilled = false): void {
    if (!process.mainLives) return;
    process.mainLives = false;
    process.exit = { code: how.code, signal: how.signal, wallMs: this.#around.wallMs() };
    process.oomKilled = oomKilled;
    const { leavesForMs } = process.traits;
    process.restLives = leavesForMs !== null;
    this.#around.mainEnded(process);
    if (!process.restLives) this.#around.treeGone(process);
    else if (leavesForMs !== null && Number.isFinite(leavesForMs)) this.#later(leavesForMs, () => this.#restEnds(process));
  }

  term(process: Process): void {
    const { onTerm } = process.traits;
    if (process.mainLives && onTerm !== null) this.#later(onTerm.afterMs, () => this.end(process, onTerm));
  }

  /** What is left behind takes TERM as its main process did. */
  termRest(process: Process): void {
    const { onTerm, leavesForMs } = process.traits;
    if (onTerm !== null && leavesForMs !== Number.POSITIVE_INFINITY) this.#later(onTerm.afterMs, () => this.#restEnds(process));
  }

  kill(process: Process): void {
    this.#later(process.traits.unkillableMs, () => {
      if (process.mainLives) {
        process.mainLives = false;
        process.exit = { code: null, signal: 'SIGKILL', wallMs: this.#around.wallMs() };
        this.#around.mainEnded(process);
        this.#around.treeGone(process);
      } else this.#restEnds(process);
    });
  }

  /** Power off: nobody records anything. */
  rebooted(): void {
    for (const processes of this.#known.values()) {
      for (const process of processes) {
        process.mainLives = false;
        process.restLives = false;
      }
    }
  }

  #restEnds(process: Process): void {
    if (!process.restLives) return;
    process.restLives = false;
    this.#around.treeGone(process);
  }

  #later(delayMs: number, run: () => void): void {
    if (delayMs <= 0) run();
    else this.#around.agenda.add(this.#around.nowMs() + delayMs, run);
  }
}

export function treeLives(process: Process): boolean {
  return process.mainLives || process.restLives;
}
