/** What a simulated process is like. It lives apart from the daemon's state and knows nothing of it. Spans in milliseconds since its spawn. */

export interface End {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface Traits {
  /** When it begins to answer its probes; Infinity = never. */
  readonly readyAfterMs: number;
  /** When it ends by itself. */
  readonly ends: (End & { readonly afterMs: number }) | null;
  /** From when on it answers nothing any more. */
  readonly hangsAfterMs: number;
  /** Says "not ready" between these two. */
  readonly unready: { readonly fromMs: number; readonly toMs: number } | null;
  /** From when on it is busy and gets nothing done. */
  readonly stallsAfterMs: number;
  /** How it takes TERM; null = not at all. */
  readonly onTerm: (End & { readonly afterMs: number }) | null;
  /** What it leaves behind when its main process ends: null = nothing; Infinity = a child that stays until it is killed. */
  readonly leavesForMs: number | null;
  /** How long KILL takes: D-state. */
  readonly unkillableMs: number;
  readonly oomKilled: boolean;
  readonly patternClass: string | null;
  /** The next daemon cannot prove it to be ours. */
  readonly unprovable: boolean;
}

export const HEALTHY: Traits = {
  readyAfterMs: 0,
  ends: null,
  hangsAfterMs: Number.POSITIVE_INFINITY,
  unready: null,
  stallsAfterMs: Number.POSITIVE_INFINITY,
  onTerm: { code: 0, signal: null, afterMs: 0 },
  leavesForMs: null,
  unkillableMs: 0,
  oomKilled: false,
  patternClass: null,
  unprovable: false,
};
