import type { StartFailure } from '../../src/policy/crash-class.ts';

/** How one start of an engine goes. All spans are counted from its spawn, in seconds. */
export interface Behaviour {
  /** What its preflight or its spawn fails with. */
  readonly preflight?: StartFailure;
  readonly spawn?: StartFailure;
  /** How long its preflight takes. */
  readonly preflightS?: number;
  /** How long it takes from the stored intent to the recorded pid. */
  readonly spawnS?: number;
  /** When its startup and readiness probes begin to be answered well; only for a pool that has some. Never, where it is left out. */
  readonly readyS?: number;
  /** When it ends unasked; never, where it is left out. */
  readonly endsS?: number;
  readonly code?: number | null;
  readonly signal?: string;
  readonly pattern?: string;
  readonly oom?: boolean;
  /** How long it takes to end after TERM, with exit code 0; Infinity = it ignores it. */
  readonly termS?: number;
  /** KILL does not help either. */
  readonly unkillable?: boolean;
  /** It leaves a child behind that ends only by KILL. */
  readonly leavesChild?: boolean;
}

/** Runs for ever and ends 0.1 s after TERM. */
export const serves: Behaviour = { readyS: 0.5 };

/** Ends with exit code 1 after `endsS`: before it is ready (1 s), unless said otherwise. */
export const dies = (endsS = 0.2, how: Behaviour = {}): Behaviour => ({ readyS: 0.5, code: 1, ...how, endsS });

/** Ends with a line in its log that gives it that class. */
export const diesOf = (pattern: string, endsS = 0.2): Behaviour => dies(endsS, { pattern });

export const ignoresTerm: Behaviour = { ...serves, termS: Number.POSITIVE_INFINITY };

export const unkillable: Behaviour = { ...ignoresTerm, unkillable: true };

/** Lives, and never answers a probe well. */
export const neverReady: Behaviour = {};

export const notSpawned = (spawn: StartFailure): Behaviour => ({ spawn });

export const notPreflown = (preflight: StartFailure): Behaviour => ({ preflight });
