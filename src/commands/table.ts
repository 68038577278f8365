// Lays rows out in columns. Pure.

const GAP = '  ';

export interface Column {
  readonly title: string;
  /** Figures stand below each other at their ends. */
  readonly isFigure?: boolean;
}

/** @returns a line for the titles and one for each row, which has a text for each column */
export function tableOf(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const texts = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, at) => Math.max(...texts.map((row) => (row[at] ?? '').length)));
  return texts.map((row) =>
    columns
      .map(({ isFigure = false }, at) => {
        const text = row[at] ?? '';
        const width = widths[at] ?? 0;
        return isFigure ? text.padStart(width) : text.padEnd(width);
      })
      .join(GAP)
      .trimEnd(),
  );
}
