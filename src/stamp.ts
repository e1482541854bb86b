/**
 * A wall-clock time as people and programs read it: `2026-11-03T08:00:00.000Z`. What is stamped mostly lies in the seconds that were stamped last,
 * and putting a date together takes longer than most of what a lease needs; so the seconds are kept.
 */
const KEPT = 16;
const kept: { second: number; text: string }[] = Array.from({ length: KEPT }, () => ({ second: Number.NaN, text: '' }));

/** `wallMs`: since 1970. Throws RangeError beyond what a Date can hold. */
export function stamp(wallMs: number): string {
  const wholeMs = Math.trunc(wallMs);
  const second = Math.floor(wholeMs / 1_000);
  const place = kept[second % KEPT];
  // No time at all, or one before 1970.
  if (place === undefined) return new Date(wallMs).toISOString();
  if (place.second !== second) {
    place.text = new Date(second * 1_000).toISOString().slice(0, -4);
    place.second = second;
  }
  return `${place.text}${String(wholeMs - second * 1_000).padStart(3, '0')}Z`;
}
