/** What the probes of somebody else's engine add up to: thresholds with hysteresis, as for readiness. Its first answer decides at once. Pure. */

export interface Answers {
  /** Null before the first answer. */
  readonly ready: boolean | null;
  /** Answers in a row that speak against `ready`. */
  readonly row: number;
  /** What the last one was. */
  readonly message: string;
}

export interface Thresholds {
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

export const NOT_ASKED: Answers = { ready: null, row: 0, message: 'not probed yet' };

/** The answers with one more; `turned` when that made it ready or unready. */
export function answered(
  { ready, row }: Answers,
  { ok, message }: { readonly ok: boolean; readonly message: string },
  { successThreshold, failureThreshold }: Thresholds,
): { readonly answers: Answers; readonly turned: boolean } {
  if (ready === ok) return { answers: { ready, row: 0, message }, turned: false };
  const needed = ready === null ? 1 : ok ? successThreshold : failureThreshold;
  if (row + 1 < needed) return { answers: { ready, row: row + 1, message }, turned: false };
  return { answers: { ready: ok, row: 0, message }, turned: true };
}
