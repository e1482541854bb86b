import { parseDuration } from '../config/quantity.ts';

const DATE = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})?)?$/;

/** When `2026-11-03T08:00:00Z` is, or when `8h` ago was: wall-clock milliseconds, or null where the text is neither a date nor a duration. */
export function sinceMs(text: string, wallMs: number): number | null {
  const agoMs = parseDuration(text);
  if (agoMs !== null) return wallMs - agoMs;
  const atMs = DATE.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? null : atMs;
}
