/**
 * The candidate that was most likely meant by `word`: case, dashes and underscores count for nothing, a part of
 * the name (`TERM`) counts as one edit, then the fewest edits win.
 * Null where even the nearest is too far away to be a slip of the fingers.
 */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  const wanted = plain(word);
  let best: string | null = null;
  let bestEdits = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const other = plain(candidate);
    const edits = wanted.length >= 3 && other.includes(wanted) ? 1 : editDistance(wanted, other);
    if (edits < bestEdits) [best, bestEdits] = [candidate, edits];
  }
  return best;
}

/** The end of a message about `word`: the nearest candidate, else all of them. */
export function hint(word: string, candidates: readonly string[]): string {
  const meant = nearest(word, candidates);
  if (meant !== null) return `did you mean "${meant}"?`;
  return candidates.length === 0 ? 'there are none' : `known here: ${candidates.slice(0, MAX_SHOWN).join(', ')}`;
}

const MAX_SHOWN = 60;
/** The cost grows with the square of the length, and the word comes from a file. */
const MAX_CHARS = 64;

function plain(word: string): string {
  return word.slice(0, MAX_CHARS).toLowerCase().replaceAll(/[-_]/g, '');
}

/** Insertions, deletions, replacements and swaps of neighbours, each one edit. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const line = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      line.push(
        Math.min(
          at(above, column - 1) + (same ? 0 : 1),
          at(above, column) + 1,
          at(line, column - 1) + 1,
          swapped ? at(before, column - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    [before, above] = [above, line];
  }
  return at(above, b.length);
}

function at(line: readonly number[], column: number): number {
  return line[column] ?? 0;
}
