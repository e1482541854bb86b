/** Reads the Prometheus text format, and OpenMetrics as far as it is the same. Pure; one pass, whatever the text is. */

/**
 * The sum of each wanted series over all of its label sets; a name that does not occur is not in the result, neither are values that are no
 * finite number. Lines that make no sense are passed over.
 */
export function sumsOf(text: string, names: readonly string[]): Map<string, number> {
  const sums = new Map<string, number>();
  let from = 0;
  while (from < text.length) {
    const newline = text.indexOf('\n', from);
    const end = newline === -1 ? text.length : newline;
    addLine(sums, text.slice(from, end), names);
    from = end + 1;
  }
  return sums;
}

function addLine(sums: Map<string, number>, line: string, names: readonly string[]): void {
  const name = names.find((one) => line.startsWith(one) && isNameEnd(line.charCodeAt(one.length)));
  if (name === undefined) return;
  const behind = line.charAt(name.length) === '{' ? labelsEnd(line, name.length + 1) : name.length;
  if (behind === -1) return;
  const value = firstNumber(line, behind);
  if (value !== null) sums.set(name, (sums.get(name) ?? 0) + value);
}

function isNameEnd(code: number): boolean {
  return code === 123 || isBlank(code);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

/** Behind the closing brace, which does not count inside quotes; -1 when there is none. */
function labelsEnd(line: string, from: number): number {
  let quoted = false;
  for (let at = from; at < line.length; at += 1) {
    const character = line.charAt(at);
    if (quoted && character === '\\') at += 1;
    else if (character === '"') quoted = !quoted;
    else if (character === '}' && !quoted) return at + 1;
  }
  return -1;
}

/** The value; a timestamp or an exemplar may follow it. */
function firstNumber(line: string, from: number): number | null {
  let start = from;
  while (isBlank(line.charCodeAt(start))) start += 1;
  let end = start;
  while (end < line.length && line.charCodeAt(end) > 32) end += 1;
  const word = line.slice(start, end);
  // Number() would take `0x10` and the empty word, too.
  // Each digit belongs to one part of it only: `\d+\.?\d*` tries every way to share out a long row of them, and stands still over it.
  if (!/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(word)) return null;
  const value = Number(word);
  return Number.isFinite(value) ? value : null;
}
