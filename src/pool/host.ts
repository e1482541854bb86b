/** What the API, and nothing else, asks of the running daemon. Types only: `pools.ts` keeps the promise. */
import type { ReloadStrategy } from '../config/spec.ts';
import type { LeaseHost } from '../lease/lease.ts';
import type { Explanation, LastExit, Operation, PoolStatus } from './status.ts';

/** Who asks for it and why: goes into the operation, the override and the event. */
export interface Actor {
  /** Token id over TCP; over a socket what the client says (`user@tty`). */
  readonly by: string;
  /** True where `by` is only the client's word. */
  readonly claimed: boolean;
  readonly reason: string | null;
}

/** `replica: null` is the whole pool. */
export type PoolCommand =
  | { readonly do: 'start'; readonly replica: number | null }
  | { readonly do: 'stop'; readonly replica: number | null; readonly now: boolean }
  | { readonly do: 'restart'; readonly replica: number | null; readonly now: boolean }
  /** `deadlineMs` null: the pool's `drain.deadline`. `extend`: a later deadline may replace an earlier one. */
  | { readonly do: 'drain'; readonly replica: number | null; readonly deadlineMs: number | null; readonly extend: boolean }
  | { readonly do: 'pause'; readonly replica: number | null }
  | { readonly do: 'resume'; readonly replica: number | null }
  | ReloadCommand
  | { readonly do: 'retry'; readonly replica: number | null }
  | { readonly do: 'scale'; readonly replicas: number }
  | { readonly do: 'reset'; readonly class: string | null; readonly forget: boolean }
  | { readonly do: 'signal'; readonly replica: number; readonly signal: string };

/** `admin`: whoever asks may set any variable, not only those that `settable` names. `version` and `vars` null or empty: as they are. `same`: replace the engines although nothing has changed. */
export interface ReloadCommand {
  readonly do: 'reload';
  readonly version: string | null;
  readonly vars: Readonly<Record<string, string>>;
  readonly strategy: ReloadStrategy | null;
  /** For each drain of an old engine; null: the pool's `drain.deadline`. */
  readonly deadlineMs: number | null;
  /** Leases left at a deadline are cut, where the reload would otherwise be called off. */
  readonly cutLeases: boolean;
  readonly same: boolean;
  readonly admin: boolean;
}

/** What a reload would do, asked with `dryRun`. */
export interface ReloadPlan {
  readonly pool: string;
  readonly strategy: Exclude<ReloadStrategy, 'auto'>;
  /** `unchanged`: same spec and same executable; `recorded`: nothing runs, the spec is kept for the next start; `revive`: nothing is ready, one engine is tried past the breakers. */
  readonly would: 'reload' | 'unchanged' | 'recorded' | 'revive';
  /** What differs, one line each. */
  readonly changes: readonly string[];
  readonly maxSurge: number;
  readonly maxUnavailable: number;
  /** What was asked and is done in another way, one sentence each. */
  readonly notes: readonly string[];
  readonly engines: readonly string[];
  readonly leases: readonly { readonly id: string; readonly holder: string; readonly engine: string; readonly heldMs: number }[];
  /** Every start at its limit, every drain at its deadline. */
  readonly atMostMs: number;
}

/** One generation that has ended, newest first in a list; kept for the last 1,000 of a pool. */
export interface HistoryEntry extends LastExit {
  readonly pool: string;
  readonly engine: string;
  readonly generation: number;
  readonly startedAt: string;
  /** Spec version (`engine.version`) it ran by. */
  readonly version: string | null;
  /** What counted it: a failure or not. */
  readonly failure: boolean;
  /** First line that matched a pattern, or null. */
  readonly matchedLine: string | null;
  /** At most the last 200 lines or 64 KiB of its log. */
  readonly lastLines: readonly string[];
  /** What `onExit` printed, or null where there is none. */
  readonly onExit: string | null;
}

export interface LogQuery {
  readonly tail: number | null;
  /** Wall-clock milliseconds: only what arrived since. */
  readonly sinceMs: number | null;
  /** Null = wherever the tail ends up. */
  readonly generation: number | null;
  readonly follow: boolean;
}

/** A line as the engine wrote it (no newline, not escaped), a mark that poold puts between generations, or a gap in what a slow follower got. */
export type LogLine =
  | { readonly is: 'line'; readonly text: string; readonly atMs: number | null }
  | { readonly is: 'mark'; readonly text: string; readonly atMs: number }
  | { readonly is: 'gap'; readonly bytes: number };

export interface Host {
  readonly version: string;
  /** Throws PooldError `pool_not_found`. */
  pool(name: string): PoolStatus;
  pools(): readonly PoolStatus[];
  /** Begins it and answers when that is stored. Throws PooldError: `pool_not_found`, `engine_not_found`, `breaker_open`, `conflict`, `invalid_request`, `shutting_down`, `storage_full`. */
  act(pool: string, command: PoolCommand, actor: Actor): Promise<Operation>;
  /** What `act` would do with it; changes nothing. Throws PooldError as `act`. */
  planReload(pool: string, command: ReloadCommand): Promise<ReloadPlan>;
  readonly leases: LeaseHost;
  operations(pool: string | null): readonly Operation[];
  /** Throws PooldError `operation_not_found`. */
  operation(id: string): Operation;
  /** The operation once it has ended, or as it is after `waitMs`. */
  operationEnded(id: string, waitMs: number): Promise<Operation>;
  /** Takes back what of it has not happened yet. Throws PooldError `operation_not_found`, `conflict` when it is over, `storage_full`. */
  cancel(id: string, actor: Actor): Operation;
  explain(pool: string, replica: number | null): readonly Explanation[];
  history(
    pool: string,
    query: { readonly replica: number | null; readonly sinceMs: number | null; readonly limit: number },
  ): readonly HistoryEntry[];
  /** Ends by itself unless `follow`; aborting ends it too. */
  logs(pool: string, replica: number, query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine>;
  /** Null when adopted and listening, and with `pools` all of them ready; else the sentence that says what is missing. */
  notReady(pools: readonly string[]): string | null;
  /** Begins the shutdown: answers at once, the process ends when all is done. */
  shutdown(engines: 'stop' | 'keep', actor: Actor): void;
}
