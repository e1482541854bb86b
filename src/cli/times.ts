/** Spans and moments as people read them. */

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** The two largest units: `42s`, `3m12s`, `1h5m`, `2d3h`; below a second `200ms`. */
export function span(spanMs: number): string {
  const wholeMs = Math.max(0, spanMs);
  const first = UNITS.findIndex(([, unitMs]) => wholeMs >= unitMs);
  const [unit, next] = [UNITS[first], UNITS[first + 1]];
  if (unit === undefined) return `${Math.round(wholeMs)}ms`;
  const rest = next === undefined ? 0 : Math.floor((wholeMs % unit[1]) / next[1]);
  return `${Math.floor(wholeMs / unit[1])}${unit[0]}${next === undefined || rest === 0 ? '' : `${rest}${next[0]}`}`;
}

/** `3m12s ago`, `in 4s`; empty for none. */
export function relative(stamp: string | null, wallMs: number): string {
  if (stamp === null) return '';
  const passedMs = wallMs - Date.parse(stamp);
  return passedMs >= 0 ? `${span(passedMs)} ago` : `in ${span(-passedMs)}`;
}
