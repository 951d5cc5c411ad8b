/** Rows of cells under a title, as a person reads them. */
export interface Table {
  readonly title: string;
  /** Names of the columns; the first holds words, the others numbers. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const widthsOf = ({ columns, rows }: Table) =>
  columns.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)));

/** For a terminal: words to the left, numbers to the right. */
export function plain(table: Table): string[] {
  const widths = widthsOf(table);
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [table.title, ...[table.columns, ...table.rows].map(line)];
}

/** For a page: a table in Markdown with its title above it. */
export function markdown(table: Table): string[] {
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |`;
  const bars = table.columns.map((_, i) => (i === 0 ? '---' : '---:'));
  return [`**${table.title}**`, '', line(table.columns), line(bars), ...table.rows.map(line)];
}

/** A number with about three digits: `0.123`, `1.23`, `12.3`, `123`. */
export const digits = (value: number): string => {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
};

export const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

/** What a cell shows where there is nothing to tell. */
export const NONE = '–';
