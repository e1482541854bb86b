/**
 * One pool: what is wanted of its engines, what holds their restarts back, and what is done next.
 * `next(state, event, env) → [state, effects]`: the caller stores the state BEFORE it runs the effects, and runs them in their order.
 *
 * Who decides, first rule wins (product.md):
 *   1 shutdown   2 a person's stop   3 a person's start, restart, retry   5 the breakers   6 the limiter   7 back-off   8 the wanted replicas
 * (4, a running reload, comes with reload.)
 *
 * Nothing here waits: whatever is due at some time is found by `dueMs(state)`, for which the caller arms one timer that sends `tick`.
 * So no timer can be lost, and a restored state goes on where it was.
 */
import type { PoolSpec } from '../config/spec.ts';
import type { EngineState, Stamp } from '../engine/engine-state.ts';
import type { Breaker } from '../policy/breaker.ts';
import { closedBreaker } from '../policy/breaker.ts';
import type { RestartLog } from '../policy/restart-limiter.ts';
import type { StormEntry } from '../policy/storm.ts';
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
  readonly state: 'running' | 'stopped';
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

export interface PoolState {
  readonly name: string;
  readonly specId: string;
  /** The current spec and those that live engines were started by. */
  readonly specs: Readonly<Record<string, PoolSpec>>;
  /** Gone from the file: runs on by its last spec. */
  readonly orphaned: boolean;
  readonly wanted: Wanted;
  readonly replicas: { readonly count: number; readonly override: Stamp | null };
  readonly shuttingDown: boolean;
  /** Between the start of the daemon and the file's word (`configured`): what is found is taken in, nothing is decided yet. */
  readonly restoring: boolean;
  readonly engines: readonly EngineState[];
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
  /** KILL was needed for one of its engines. */
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
    replicas: { count: given.spec.replicas, override: null },
    shuttingDown: false,
    restoring: false,
    engines: [],
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
    lastError: null,
    beenReady: false,
    announced: 'stopped',
  };
}

/** A stored state as the next daemon takes it up: nothing is decided before `configured` has come. */
export function restored(state: PoolState): PoolState {
  return { ...state, shuttingDown: false, restoring: true };
}
