/** From many measurements to the few figures that are told, and those to Markdown. */

/** The middle one of sorted values. */
export function median(sorted: readonly number[]): number {
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

/** The value that this share of the sorted ones, 0 to 1, does not exceed. */
export function upTo(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

export function byValue(one: number, other: number): number {
  return one - other;
}

/** The middle of what `others[i]` is times `ours[i]`: both of round i, so that what slows the machine slows both. */
export function ratio(others: readonly number[], ours: readonly number[]): number {
  return median(others.map((other, round) => other / (ours[round] ?? Number.NaN)).toSorted(byValue));
}

/** `median (least to most)`. */
export function spread(values: readonly number[], digits = 1): string {
  const sorted = values.toSorted(byValue);
  const said = (value: number | undefined): string => (value ?? Number.NaN).toFixed(digits);
  return `${said(median(sorted))} (${said(sorted[0])} to ${said(sorted.at(-1))})`;
}

export function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
