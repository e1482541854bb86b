/**
 * Durations and sizes as people write them: `500ms` `10s` `1.5s` `5m` `2h` · `512B` `64KiB` `64MiB` `1.5GiB`.
 * One number, one unit, nothing between them, no sign; decimals only where the result is a whole millisecond or byte. A bare number is refused:
 * nobody can tell what `120` was meant to be.
 */

export const DURATION = /^\d{1,15}(?:\.\d{1,9})?(?:ms|s|m|h)$/;
export const SIZE = /^\d{1,18}(?:\.\d{1,9})?(?:B|KiB|MiB|GiB)$/;

/** A year; keeps every sum of delays far from where whole numbers end. */
export const MAX_DURATION_MS = 8_760 * 3_600_000;
/** A pebibyte. */
export const MAX_SIZE_BYTES = 2 ** 50;

/** Milliseconds, or null where `text` is no duration or beyond a year. */
export function parseDuration(text: string): number | null {
  return DURATION.test(text) ? whole(text, DURATION_UNITS, MAX_DURATION_MS) : null;
}

/** Bytes, or null where `text` is no size or beyond a pebibyte. */
export function parseSize(text: string): number | null {
  return SIZE.test(text) ? whole(text, SIZE_UNITS, MAX_SIZE_BYTES) : null;
}

/** The shortest exact spelling that the config takes too: `90s`, `15m`, `2h`, `1.5s`, `500ms`, `0s`. Rounds to whole milliseconds. */
export function formatDuration(durationMs: number): string {
  if (durationMs === Number.POSITIVE_INFINITY) return 'unlimited';
  const ms = Math.max(0, Math.round(durationMs));
  if (ms === 0) return '0s';
  if (ms < 1_000) return `${ms}ms`;
  const unit = DURATION_UNITS.find(([name, size]) => name !== 'ms' && ms % size === 0);
  return unit ? `${ms / unit[1]}${unit[0]}` : `${ms / 1_000}s`;
}

/** For people: `64MiB`, and where it does not come out even one decimal of the largest unit, `976.6KiB`. */
export function formatBytes(bytes: number): string {
  const [name, size] = SIZE_UNITS.find(([, unitBytes]) => bytes >= unitBytes) ?? ['B', 1];
  return `${Math.round((bytes / size) * 10) / 10}${name}`;
}

/** For the config: nothing rounded, `64MiB`, `1000000B`. */
export function exactBytes(bytes: number): string {
  const [name, size] = SIZE_UNITS.find(([, unitBytes]) => bytes > 0 && bytes % unitBytes === 0) ?? ['B', 1];
  return `${bytes / size}${name}`;
}

type Units = readonly (readonly [string, number])[];

/** Largest first; `m` must not be taken for the end of `ms`, so the longest matching name wins when parsing. */
const DURATION_UNITS: Units = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];

const SIZE_UNITS: Units = [
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
  ['B', 1],
];

/** Decimals are shifted as text: 0.1 s is 100 ms, not 100.00000000000001. */
function whole(text: string, units: Units, most: number): number | null {
  const name = text.replace(/^[\d.]+/, '');
  const unit = units.find(([known]) => known === name);
  if (!unit) return null;
  const [integer = '', decimals = ''] = text.slice(0, text.length - name.length).split('.');
  const scaled = BigInt(integer + decimals) * BigInt(unit[1]);
  const divisor = 10n ** BigInt(decimals.length);
  if (scaled % divisor !== 0n) return null;
  const value = scaled / divisor;
  return value <= BigInt(most) ? Number(value) : null;
}
