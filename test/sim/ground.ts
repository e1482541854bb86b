/** What is there whether or not a daemon runs: time, processes, the disk, the config file, strangers on ports. */
import type { PoolSpec } from '../../src/config/spec.ts';
import type { EngineState } from '../../src/engine/engine-state.ts';
import type { EngineRef } from '../../src/engine/identity.ts';
import type { Happening } from '../../src/events/event.ts';
import type { EndedLease, EndedTicket, Held, LeaseAnswer } from '../../src/lease/lease-events.ts';
import type { Seat } from '../../src/lease/lease-state.ts';
import type { Effect } from '../../src/pool/effects.ts';
import type { HistoryEntry } from '../../src/pool/host.ts';
import type { PoolEvent } from '../../src/pool/pool-events.ts';
import type { PoolState } from '../../src/pool/pool-state.ts';
import { Agenda } from './agenda.ts';
import type { Process } from './processes.ts';
import { Processes } from './processes.ts';
import { Rows } from './rows.ts';

/** The engine that serves a replica, before and after a step that changed it; another generation where one has taken over. */
export interface Change {
  readonly was: EngineState;
  readonly is: EngineState;
}

/** One generation, whatever its role, before and after a step that changed it. `is` null: nothing of it is known any more. */
export interface Life {
  readonly was: EngineState;
  readonly is: EngineState | null;
}

/** One thing after another that a step did to leases and queue, in the order of its effects. */
export type LeaseHappening =
  | { readonly is: 'granted'; readonly id: string; readonly seat: Seat }
  | { readonly is: 'ended'; readonly ended: EndedLease }
  | { readonly is: 'queued' }
  | { readonly is: 'out'; readonly ended: EndedTicket };

/** The effects of a step by what they do: every rule asks, so they are sorted once. */
export interface Sorted {
  readonly told: readonly Happening[];
  readonly spawns: readonly EngineRef[];
  /** Ends of engines, also of candidates and of what is retiring. */
  readonly ends: readonly HistoryEntry[];
  readonly answers: readonly LeaseAnswer[];
  readonly leasing: readonly LeaseHappening[];
}

export interface Decided {
  readonly pool: string;
  readonly before: PoolState;
  readonly after: PoolState;
  readonly event: PoolEvent;
  readonly effects: readonly Effect[];
}

/** One decision, after it was stored and before its effects run. */
export interface Step extends Decided, Sorted {
  readonly changes: readonly Change[];
  readonly lives: readonly Life[];
  readonly nowMs: number;
  readonly wallMs: number;
}

export type Told = 'terminate' | 'terminateRest' | 'kill' | 'signal';

/** What a rule may look at as the world goes on; each throws a Violation. */
export interface Rule {
  /** For what time alone may break, or an answer: after each step. */
  stepped?(step: Step): void;
  /** After each step but those that changed nothing and did nothing but answer. */
  changed?(step: Step): void;
  /** Just before the process is there. */
  making?(made: Pick<Process, 'ref' | 'port'>): void;
  told?(what: Told, process: Process): void;
  /** Between two steps, when no effect is outstanding: of the pools where something has happened since the last time. */
  between?(pools: ReadonlySet<string>): void;
  /** A client was told that it has this lease. */
  acknowledged?(pool: string, held: Held): void;
  /** A new daemon comes up. */
  booting?(): void;
}

/** Rows are made of what has changed in so many commits, and before each start of a daemon: often enough to meet every kind of change, and cheap. */
const ROWS_EVERY = 61;

/** The wall clock of the first boot at monotonic 0. */
const WALL_MS = 1_800_000_000_000;

export class Ground {
  /** Monotonic, of this boot. */
  nowMs = 10_000;
  boot = 1;
  wallSkewMs = 0;
  readonly agenda = new Agenda();
  readonly processes: Processes;
  /** The disk: states are never changed in place, so keeping one is storing it. */
  readonly disk = new Map<string, PoolState>();
  /** The same as rows, which is what the next daemon reads. */
  readonly rows = new Rows();
  /** In which boot each was stored: a row of an older one has to be told of the reboot, also when a daemon died in the middle of telling. */
  readonly diskBoot = new Map<string, number>();
  readonly history: HistoryEntry[] = [];
  /** Leases whose end is stored beside the rows. */
  readonly ended: { readonly pool: string; readonly ended: EndedLease }[] = [];
  /** `chat/0` → the generation its handoff file names. */
  readonly handoffs = new Map<string, number>();
  /** Ports held by somebody else, until when. */
  readonly strangers = new Map<number, number>();
  /** Null: gone from the file. */
  readonly file = new Map<string, PoolSpec | null>();
  readonly perDevice: number | null;
  readonly #specIds = new Map<string, string>();
  readonly #specsKnown = new WeakMap<PoolSpec, string>();
  /** A state that was stored → as it is read again. */
  readonly #read = new WeakMap<PoolState, PoolState>();
  #stores = 0;
  #ids = 0;

  constructor(given: {
    readonly perDevice: number | null;
    readonly mainEnded: (process: Process) => void;
    readonly treeGone: (process: Process) => void;
  }) {
    this.perDevice = given.perDevice;
    this.processes = new Processes({
      agenda: this.agenda,
      nowMs: () => this.nowMs,
      wallMs: () => this.wallMs,
      mainEnded: given.mainEnded,
      treeGone: given.treeGone,
    });
  }

  get wallMs(): number {
    return WALL_MS + this.wallSkewMs + this.nowMs;
  }

  get bootId(): string {
    return `boot-${this.boot}`;
  }

  newId(kind: 'l' | 't'): string {
    this.#ids += 1;
    return `${kind}-${this.#ids}`;
  }

  stored(pool: string, state: PoolState): void {
    this.disk.set(pool, state);
    this.diskBoot.set(pool, this.boot);
    this.#stores += 1;
    if (this.#stores % ROWS_EVERY === 0) this.rows.write(state, this.bootId);
  }

  /** The same text has the same id. */
  specId(spec: PoolSpec): string {
    const known = this.#specsKnown.get(spec);
    if (known !== undefined) return known;
    const text = JSON.stringify(spec);
    const id = this.#specIds.get(text) ?? `${spec.name}-${this.#specIds.size + 1}`;
    this.#specIds.set(text, id);
    this.#specsKnown.set(spec, id);
    return id;
  }

  /** As the next daemon reads it. */
  read(pool: string): PoolState {
    const state = this.disk.get(pool);
    if (state === undefined) throw new Error(`no pool ${pool} on the disk`);
    const known = this.#read.get(state);
    if (known !== undefined) return known;
    this.rows.write(state, this.bootId);
    const read = this.rows.read(pool);
    this.#read.set(state, read);
    return read;
  }

  after(delayMs: number, run: () => void): void {
    this.agenda.add(this.nowMs + Math.max(0, delayMs), run);
  }

  /** Power off and on: the clock counts anew, and the machine has been up for `upMs` when the daemon comes. */
  reboot(upMs: number): void {
    this.processes.rebooted();
    this.agenda.rebased(this.nowMs, upMs);
    this.wallSkewMs += this.nowMs - upMs;
    this.nowMs = upMs;
    this.boot += 1;
    this.strangers.clear();
    this.handoffs.clear();
  }

  strangerOn(port: number): boolean {
    return (this.strangers.get(port) ?? Number.NEGATIVE_INFINITY) > this.nowMs;
  }
}
