/** What was measured, where, and how it is shown. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { root } from '../setup.mjs';

/** The machine, and how busy it was before anything was measured: ask before starting anything. */
export function machine() {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGB: round(totalmem() / 2 ** 30, 0),
    loadBefore: loadavg().map((load) => round(load, 2)),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    version,
    date: new Date().toISOString(),
  };
}

export const round = (value, digits = 1) => Number(value.toFixed(digits));

/** The value below which a share of all values lies; undefined where there are none. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const found = sorted[Math.floor(share * (sorted.length - 1))];
  return found === undefined ? undefined : round(found);
}

/** Median, 95th percentile and worst of milliseconds. */
export const timing = (values) => ({
  p50: quantile(values, 0.5),
  p95: quantile(values, 0.95),
  worst: quantile(values, 1),
  count: values.length,
});

const shown = (value) => {
  if (value === undefined || value === null) return '–';
  if (typeof value === 'boolean') return value ? 'yes' : 'NO';
  if (typeof value === 'object' && 'p50' in value)
    return `${shown(value.p50)} / ${shown(value.p95)}${value.worst === undefined ? '' : ` (worst ${value.worst})`}`;
  if (Array.isArray(value)) return value.map(shown).join(', ');
  if (typeof value === 'object')
    return Object.entries(value)
      .map(([name, it]) => `${name} ${shown(it)}`)
      .join(', ');
  return String(value);
};

/** Rows of cells as a table in Markdown. */
export function table(head, rows) {
  const all = [head, ...rows].map((row) => row.map(shown));
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i].length)));
  const line = (row) => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  const [first, ...rest] = all.map(line);
  return [first, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rest].join('\n');
}

/** Prints what was measured: one JSON object, or the machine in a line and tables. */
export function tell(result, { json, tables }) {
  if (json) return console.log(JSON.stringify(result));
  const { cpu, cores, loadBefore, node, date } = result.machine;
  console.log(
    `${cpu}, ${cores} cores, load before ${loadBefore.join(' ')}, Node ${node}, ${date.slice(0, 16)}`,
  );
  for (const one of tables) console.log(`\n${one}`);
}

/** Progress, for people; standard output is for figures. */
export const note = (line) => process.stderr.write(`${line}\n`);
