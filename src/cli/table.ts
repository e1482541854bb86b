/** Columns that line up, two spaces apart. */
export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly right?: boolean;
  /** Left out where no row has anything in it. */
  readonly optional?: boolean;
  readonly style?: (text: string, row: Row) => string;
}

export const EMPTY = '-';
const GAP = '  ';
/** A last column that would get less than this is left whole and wraps: half a word helps nobody. */
const LEAST_CHARS = 12;

/** One line per row below the titles. With a `width` the last column is cut to fit it; without one (a pipe) nothing is. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number | null): readonly string[] {
  const shown = columns
    .map((column) => ({ ...column, cells: rows.map((row) => column.cell(row) || EMPTY) }))
    .filter(({ optional, cells }) => optional !== true || cells.some((cell) => cell !== EMPTY));
  const widths = shown.map(({ title, cells }) => Math.max(title.length, ...cells.map((cell) => cell.length)));
  const before = widths.slice(0, -1).reduce((sum, chars) => sum + chars + GAP.length, 0);
  const lastChars = width !== null && width - before >= LEAST_CHARS ? width - before : Number.POSITIVE_INFINITY;
  const line = (texts: readonly string[], style: (text: string, index: number) => string): string =>
    texts
      .map((text, index) => {
        const last = index === texts.length - 1;
        const cut = last ? shortened(text, lastChars) : text;
        const space = ' '.repeat(Math.max(0, (widths[index] ?? 0) - cut.length));
        // Styled after it is padded: what a terminal takes as colour has no width.
        const styled = style(cut, index);
        if (shown[index]?.right) return space + styled;
        return last ? styled : styled + space;
      })
      .join(GAP)
      .trimEnd();
  const body = rows.map((row, at) =>
    line(
      shown.map(({ cells }) => cells[at] ?? EMPTY),
      (text, index) => shown[index]?.style?.(text, row) ?? text,
    ),
  );
  return [
    line(
      shown.map(({ title }) => title),
      (text) => text,
    ),
    ...body,
  ];
}

export function shortened(text: string, chars: number): string {
  return text.length <= chars ? text : `${text.slice(0, Math.max(0, chars - 1))}…`;
}
