/** The replacement of a pool's engines that is under way. Types only: what its steps mean stands in `rollout-state.ts`. */
import type { ReloadStrategy } from '../config/spec.ts';
import type { Executable, Stamp } from '../engine/engine-state.ts';
import type { Code } from '../errors.ts';
import type { ReloadCommand } from '../pool/host.ts';

/** One replica on its way. */
export interface Unit {
  readonly replica: number;
  /**
   * draining   the old engine ends when nobody uses it any more, to make room for the new one
   * trying     the new one is started, has to be ready, and to stay so for `soak`
   * proven     it is, and waits for the others
   * retiring   it serves; the old one ends when nobody uses it any more
   * leaving    it is taken back, and has to be gone first
   * returning  the place is the old spec's again, whose engine is there or comes
   */
  readonly step: 'draining' | 'trying' | 'proven' | 'retiring' | 'leaving' | 'returning';
  /** The old one goes before the new one comes. */
  readonly inPlace: boolean;
  /** Generation of the new one; null until it is started. */
  readonly candidate: number | null;
  /** Generation of the old one; null where none lived. */
  readonly old: number | null;
}

/** What a person's reload has put in the place of what the file says. */
export interface SetValue extends Stamp {
  readonly value: string | null;
  readonly fileValue: string | null;
}

export interface Sets {
  readonly version: SetValue | null;
  readonly vars: Readonly<Record<string, SetValue>>;
}

export type RolloutStrategy = Exclude<ReloadStrategy, 'auto'>;

export interface RolloutFailure {
  readonly code: Code;
  readonly message: string;
  /** A person, or a newer command, has called it off. */
  readonly cancelled: boolean;
}

/** How it is done: see `plan-state.ts`. */
export interface RolloutShape {
  readonly strategy: RolloutStrategy;
  readonly maxSurge: number;
  readonly maxUnavailable: number;
  /** What was asked and is done in another way, one sentence each. */
  readonly notes: readonly string[];
}

export interface Rollout extends RolloutShape {
  readonly operationId: string;
  readonly kind: 'reload' | 'restart';
  readonly fromSpecId: string;
  readonly toSpecId: string;
  readonly sets: Sets;
  readonly step: 'preparing' | 'rolling' | 'committed' | 'back';
  readonly soakMs: number;
  /** For each drain of an old engine. */
  readonly drainMs: number;
  readonly cutLeases: boolean;
  /** Nothing of the pool was ready: one engine is tried, past the breakers, and its success closes them. */
  readonly revives: boolean;
  /** Replicas whose turn is still to come. */
  readonly todo: readonly number[];
  readonly units: readonly Unit[];
  /** Replaced, and nothing left of the old one; on the way back those that still are. */
  readonly done: readonly number[];
  /** What the way back could not give the old spec again. */
  readonly stranded: readonly number[];
  /** Why it goes back: written once; what goes wrong on the way back is added to it. */
  readonly failure: RolloutFailure | null;
  /** Monotonic. */
  readonly sinceMs: number;
}

/** Where a reload goes to from a spec of the pool's. */
export interface Destination {
  readonly fromSpecId: string;
  readonly specId: string;
  readonly sets: Sets;
  readonly executable: Executable | null;
}

/** A reload, or a restart, whose turn has not come. What the pool's spec will be then is not known: there is a way from each that it may be. */
export interface WaitingReload {
  readonly command: ReloadCommand | { readonly do: 'restart'; readonly replica: number | null; readonly now: boolean };
  readonly to: readonly Destination[];
  readonly operationId: string;
  readonly stamp: Stamp;
}
