/** What a pool asks of the world of processes: `engine/engine-room.ts` keeps the promise. Types only. */
import type { PoolSpec } from '../config/spec.ts';
import type { Executable, Exit } from '../engine/engine-state.ts';
import type { EngineRef, Identity, Side } from '../engine/identity.ts';
import type { ProbeResult } from '../engine/samples-state.ts';
import type { StartFailure } from '../policy/crash-class.ts';
import type { HistoryEntry, LogLine, LogQuery } from './host.ts';
import type { Evidence } from './pool-events.ts';

export interface FailedStart {
  readonly class: StartFailure;
  readonly message: string;
}

/** A generation as the room has to know it: what it runs by, and where. */
export interface Order {
  readonly ref: EngineRef;
  /** Which of the replica's two sets of files and ports is its own. */
  readonly side: Side;
  readonly spec: PoolSpec;
  readonly port: number | null;
  readonly device: string | null;
}

/** What a start will have. */
export interface Preflight {
  readonly port: number | null;
  readonly device: string | null;
  readonly executable: Executable | null;
}

export interface Living extends Order {
  readonly identity: Identity;
}

/** What was found of a stored generation when the daemon started. */
export type Found =
  | { readonly is: 'alive'; readonly identity: Identity }
  | { readonly is: 'ended'; readonly identity: Identity; readonly exit: Exit }
  | { readonly is: 'neverStarted' }
  /** `identity`: whose end frees its place; null where not even that is known. */
  | { readonly is: 'unproven'; readonly identity: Identity | null };

export interface Findings {
  /** One answer for each, in their order. */
  readonly found: readonly Found[];
  /** Ours by every proof, and unknown to the store. */
  readonly strays: readonly {
    readonly ref: EngineRef;
    readonly identity: Identity;
    readonly port: number | null;
    readonly device: string | null;
    readonly side: Side;
  }[];
}

export interface Room {
  readonly containment: 'cgroup' | 'weak';
  /** Null when it went well, else the sentence that says why not. */
  prepare(spec: PoolSpec, specId: string): Promise<string | null>;
  preflight(order: Order): Promise<Preflight | FailedStart>;
  /** The executable that a start by this spec would find now; null where it finds none. */
  executable(order: Order): Promise<Executable | null>;
  /** Asks the busy gauge now. */
  askInUse(ref: EngineRef): void;
  /** Warnings (a limit left out by `bestEffort`) go to the log. */
  spawn(order: Order): Promise<Identity | FailedStart>;
  /** Calls `ended` once, when the main process has ended. */
  watchEnd(living: Living, ended: (exit: Exit) => void): void;
  /** Looks whether the process is still there and still who it was; an end that no event has told of comes over `watchEnd`, as a miss. */
  check(ref: EngineRef): void;
  probe(living: Living, phase: 'starting' | 'serving', report: (result: ProbeResult) => void): void;
  stopProbing(ref: EngineRef): void;
  writeHandoff(living: Living): void;
  removeHandoff(ref: EngineRef): void;
  signal(identity: Identity, ref: EngineRef, signal: string): void;
  terminate(living: Living): void;
  terminateRest(living: Living): void;
  kill(living: Living): void;
  /** When the whole tree is gone: what is left to read of it. Also marks the end in the log. */
  gone(living: Living, exit: () => Exit | null): Promise<Evidence>;
  /** A start that was called off, or a stuck engine that is let go. */
  abandon(ref: EngineRef): void;
  /** The end of the generation is stored: record, cgroup, pid and handoff file go. */
  release(ref: EngineRef): void;
  releasePort(place: { readonly pool: string; readonly replica: number; readonly side: Side }): void;
  /** Output of the pool's `onExit`. */
  onExit(spec: PoolSpec, entry: HistoryEntry): Promise<string>;
  /** Looks for what the store knows, and for what it does not. The end of what lives is told from then on over `watchEnd`. */
  find(stored: readonly { readonly order: Order; readonly identity: Identity | null }[]): Promise<Findings>;
  /** Takes in what was found unknown, by the order it is taken to run by. */
  recover(living: Living): void;
  /** The highest generation that the replica's logs speak of; 0 when none. */
  lastGeneration(spec: PoolSpec, replica: number): Promise<number>;
  logs(
    about: { readonly pool: string; readonly replica: number; readonly side: Side; readonly spec: PoolSpec },
    query: LogQuery,
    signal: AbortSignal,
  ): AsyncIterable<LogLine>;
}
