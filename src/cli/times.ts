/** Spans and moments as people read and write them. */
import { parseDuration } from '../config/quantity.ts';
import { UsageError } from './exit-codes.ts';

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

/** Milliseconds of `30s`, null where the option was not given. Throws UsageError. */
export function durationMs(text: string | undefined, option: string): number | null {
  if (text === undefined) return null;
  const parsedMs = parseDuration(text);
  if (parsedMs === null)
    throw new UsageError(`cannot take ${JSON.stringify(text)} as ${option}: a duration is a number and ms, s, m or h, as in 30s`);
  return parsedMs;
}

/** A stamp is made of the daemon's monotonic time at each look, so the same moment may come out a rounding apart. */
const ROUNDING_MS = 5;

export function sameMoment(one: string | null, other: string | null): boolean {
  if (one === null || other === null) return one === other;
  return Math.abs(Date.parse(one) - Date.parse(other)) <= ROUNDING_MS;
}
