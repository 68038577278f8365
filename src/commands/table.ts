// Lays rows out in columns. Pure.

const GAP = '  ';
const SHRUNK_MIN = 6;

export interface Column {
  readonly title: string;
  /** Figures stand below each other at their ends. */
  readonly isFigure?: boolean;
  /** Of a table that is too wide the column with the least goes first; one without stays. */
  readonly leaves?: number;
  /** Where no other column may leave, its texts are cut at their beginnings. */
  readonly shrinks?: boolean;
}

interface MeasuredColumn extends Column {
  /** Its place in the rows. */
  readonly at: number;
  readonly width: number;
}

/**
 * @param widthMax of a line; longer ones are there only where no other column may leave
 * @returns a line for the titles and one for each row, which has a text for each column
 */
export function tableOf(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  widthMax = Number.POSITIVE_INFINITY,
): readonly string[] {
  const texts = [columns.map(({ title }) => title), ...rows];
  const measured = columns.map((column, at) => {
    const width = Math.max(...texts.map((row) => (row[at] ?? '').length));
    return { ...column, at, width };
  });
  const shown = within(widthMax, measured);
  return texts.map((row) =>
    shown
      .map(({ isFigure = false, at, width }) => {
        const text = ending(row[at] ?? '', width);
        return isFigure ? text.padStart(width) : text.padEnd(width);
      })
      .join(GAP)
      .trimEnd(),
  );
}

function within(widthMax: number, columns: readonly MeasuredColumn[]): readonly MeasuredColumn[] {
  const total = columns.reduce((sum, { width }) => sum + width + GAP.length, -GAP.length);
  if (total <= widthMax) return columns;
  const first = Math.min(...columns.map(({ leaves = Number.POSITIVE_INFINITY }) => leaves));
  const others = columns.filter(({ leaves }) => leaves !== first);
  if (others.length < columns.length) return within(widthMax, others);
  return columns.map((column) =>
    column.shrinks === true
      ? { ...column, width: Math.max(SHRUNK_MIN, column.width - (total - widthMax)) }
      : column,
  );
}

/** Of addresses the end tells one from the other. */
function ending(text: string, width: number): string {
  return text.length <= width ? text : `…${text.slice(text.length - width + 1)}`;
}
