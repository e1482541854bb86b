/**
 * One pool: what is wanted of its engines, what holds their restarts back, and what is done next.
 * `next(state, event, env) → [state, effects]`: the caller stores the state BEFORE it runs the effects, and runs them in their order.
 *
 * Who decides, first rule wins (product.md):
 *   1 shutdown   2 a person's stop, drain, pause   3 a person's start, restart, retry   4 a running reload
 *   5 the breakers   6 the limiter   7 back-off   8 the wanted replicas
 *
 * Leases and the queue are part of it: whether an engine may be leased is decided in the same turn as everything else about it, so a drain that is
 * committed is followed by no grant, and a slot that is free while somebody waits is given away before the turn is over.
 *
 * Nothing here waits: whatever is due at some time is found by `dueMs(state)`, for which the caller arms one timer that sends `tick`.
 * So no timer can be lost, and a restored state goes on where it was.
 */
import type { Ticket } from '../admission/admission-state.ts';
import type { PoolSpec } from '../config/spec.ts';
import type { EngineState, Stamp } from '../engine/engine-state.ts';
import type { Breaker } from '../policy/breaker.ts';
import { closedBreaker } from '../policy/breaker.ts';
import type { RestartLog } from '../policy/restart-limiter.ts';
import type { StormEntry } from '../policy/storm.ts';
import type { Rollout, Sets, WaitingReload } from '../rollout/rollout.ts';
import type { OperationKind, OperationStep, PoolStateName } from './status.ts';

export interface ClassState {
  /** Failures of that class in the pool since an engine whose last failure was of it last succeeded. */
  readonly row: number;
  readonly breaker: Breaker;
}

/** The one generation whose end decides a half-open breaker of the pool (`any`) or of a class. */
export interface Canary {
  readonly of: string;
  readonly replica: number;
  readonly generation: number;
}

export interface Wanted {
  readonly state: 'running' | 'stopped' | 'drained';
  /** Whose override it is; null = the file says so. */
  readonly override: Stamp | null;
}

/** Restarting one engine after the other: a person's `restart`. */
export interface Rolling {
  readonly operationId: string;
  readonly replicas: readonly number[];
  /** Which engine is being replaced now, and the generation that goes. */
  readonly current: { readonly replica: number; readonly old: number } | null;
}

/** How many engines, and which: a scale-down takes those with the fewest leases, so the rest need not be the first ones. */
export interface Replicas {
  readonly count: number;
  /** Null: 0, 1, 2 … */
  readonly members: readonly number[] | null;
  readonly override: Stamp | null;
}

/** The drain of the whole pool that is under way: by `drain` (those who wait are served first) or by `stop`. */
export interface Drain {
  readonly kind: 'drain' | 'stop';
  /** Monotonic. */
  readonly sinceMs: number;
  /** Monotonic. */
  readonly deadlineMs: number;
  readonly by: string;
  /** Users that were cut at the deadline. */
  readonly cut: number;
}

export interface WaitingScale {
  readonly replicas: number;
  readonly operationId: string;
  readonly stamp: Stamp;
}

export interface PoolState {
  readonly name: string;
  readonly specId: string;
  /** The current spec and those that live engines were started by. */
  readonly specs: Readonly<Record<string, PoolSpec>>;
  /** Gone from the file: runs on by its last spec. */
  readonly orphaned: boolean;
  readonly wanted: Wanted;
  readonly replicas: Replicas;
  /** No new leases, by whom; the engines stay. */
  readonly paused: Stamp | null;
  readonly drain: Drain | null;
  readonly sets: Sets;
  readonly shuttingDown: boolean;
  /** Between the start of the daemon and the file's word (`configured`): what is found is taken in, nothing is decided yet. */
  readonly restoring: boolean;
  /** One per replica: the one that serves it, or will. */
  readonly engines: readonly EngineState[];
  /** Candidates of a reload, and engines that were replaced and are not gone yet. */
  readonly others: readonly EngineState[];
  readonly breaker: Breaker;
  /** What opened it last. */
  readonly opener: 'engines' | 'storm';
  readonly classes: Readonly<Record<string, ClassState>>;
  readonly canary: Canary | null;
  readonly restarts: RestartLog;
  readonly limiterLevel: 'below' | 'half' | 'limit';
  /** Shown only: automatic restarts since all were stable for `restartLimit.resetAfter`. */
  readonly restartCount: number;
  readonly storm: readonly StormEntry[];
  /** All failures since the pool was made. */
  readonly crashCount: number;
  readonly prepared: { readonly specId: string; readonly step: 'running' | 'done' } | null;
  readonly operations: readonly ActiveOperation[];
  readonly rolling: Rolling | null;
  readonly rollout: Rollout | null;
  /** The reload that waits for a drain or another reload to end; a newer one takes its place. */
  readonly waitingReload: WaitingReload | null;
  /** A scale is recorded, and acts when a drain or a reload is over. */
  readonly waitingScale: WaitingScale | null;
  /** In order of arrival. They do not outlive the daemon: none of this and the next three is stored. */
  readonly tickets: readonly Ticket[];
  /** The daemon takes requests: before, no lease expires. */
  readonly open: boolean;
  readonly tokens: { readonly epoch: number; readonly issued: number; readonly queued: number };
  /** Monotonic: nothing of leases and queue is due before it. */
  readonly leaseDueMs: number;
  readonly lastError: string | null;
  /** An engine has been ready since the pool was started. */
  readonly beenReady: boolean;
  /** As last announced by `pool.state`. */
  readonly announced: PoolStateName;
}

/** A person's command that is not over yet. */
export interface ActiveOperation {
  readonly id: string;
  readonly kind: OperationKind;
  readonly stamp: Stamp;
  readonly steps: readonly OperationStep[];
  /** What it waits for: of each replica a generation later than `after` (start, restart …), or that it is not live (stop). */
  readonly starts: readonly { readonly replica: number; readonly after: number }[];
  readonly stops: readonly number[];
  /** KILL was needed for one of its engines, or users were cut. */
  readonly forced: boolean;
}

export interface NewPool {
  readonly spec: PoolSpec;
  readonly specId: string;
  readonly nowMs: number;
}

export function newPool(given: NewPool): PoolState {
  return {
    name: given.spec.name,
    specId: given.specId,
    specs: { [given.specId]: given.spec },
    orphaned: false,
    wanted: { state: given.spec.autostart ? 'running' : 'stopped', override: null },
    replicas: { count: given.spec.replicas, members: null, override: null },
    paused: null,
    drain: null,
    sets: { version: null, vars: {} },
    shuttingDown: false,
    restoring: false,
    engines: [],
    others: [],
    breaker: closedBreaker(given.spec.breaker, given.nowMs),
    opener: 'engines',
    classes: {},
    canary: null,
    restarts: [],
    limiterLevel: 'below',
    restartCount: 0,
    storm: [],
    crashCount: 0,
    prepared: null,
    operations: [],
    rolling: null,
    rollout: null,
    waitingReload: null,
    waitingScale: null,
    ...NOBODY_WAITS,
    lastError: null,
    beenReady: false,
    announced: 'stopped',
  };
}

/** What is not stored. */
const NOBODY_WAITS = { open: false, tickets: [], tokens: { epoch: 0, issued: 0, queued: 0 }, leaseDueMs: 0 } as const;
export const VOLATILE: ReadonlySet<string> = new Set(Object.keys(NOBODY_WAITS));

/** A stored state as the next daemon takes it up: nothing is decided before `configured` has come. `epoch` counts the daemon's starts. */
export function restored(state: PoolState, epoch: number): PoolState {
  return { ...state, ...NOBODY_WAITS, tokens: { ...NOBODY_WAITS.tokens, epoch }, shuttingDown: false, restoring: true };
}
