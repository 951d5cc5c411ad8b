import type { TrainingCurves, TrainingRow } from '../../../src/server/protocol.js';

export type Column = (number | null)[];

/** Numbers by name over steps, growing at its end. */
export interface Table {
  readonly steps: number[];
  readonly values: Map<string, Column>;
}

export const emptyTable = (): Table => ({ steps: [], values: new Map() });

export const tableOf = ({ steps, values }: TrainingCurves): Table => ({
  steps: [...steps],
  values: new Map(Object.entries(values).map(([name, column]) => [name, [...column]])),
});

/** Adds a row; a name that is new has nothing before it. */
export function append(table: Table, { step, values }: TrainingRow): void {
  for (const name of Object.keys(values))
    if (!table.values.has(name))
      table.values.set(
        name,
        table.steps.map(() => null),
      );
  table.steps.push(step);
  for (const [name, column] of table.values) column.push(values[name] ?? null);
}

/** The newest number of a column and the step it is of. */
export function latest(table: Table, name: string): { step: number; value: number } | undefined {
  const column = table.values.get(name) ?? [];
  const at = column.findLastIndex((value) => value !== null);
  return at < 0 ? undefined : { step: table.steps[at]!, value: column[at]! };
}

export function least(table: Table, name: string): { step: number; value: number } | undefined {
  let best: { step: number; value: number } | undefined;
  for (const [i, value] of (table.values.get(name) ?? []).entries())
    if (value !== null && (best === undefined || value < best.value)) best = { step: table.steps[i]!, value };
  return best;
}

/** Exponential moving average without the pull of its start; gaps stay gaps. */
export function smoothed(column: readonly (number | null)[], weight: number): Column {
  let [sum, of] = [0, 0];
  return column.map((value) => {
    if (value === null) return null;
    sum = weight * sum + (1 - weight) * value;
    of = weight * of + (1 - weight);
    return sum / of;
  });
}

/** Four digits: `12.35`, `0.3868`, `1.2e-7`. */
export function shown(value: number): string {
  if (value === 0 || Number.isInteger(value)) return value.toLocaleString('en');
  const size = Math.abs(value);
  if (size < 1e-2 || size >= 1e6)
    return value
      .toExponential(2)
      .replace('e+', 'e')
      .replace(/\.?0+e/, 'e');
  return value.toPrecision(4);
}
