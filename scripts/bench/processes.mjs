/** Processor time and memory of processes, where the system tells (Linux). */
import { readdirSync, readFileSync } from 'node:fs';

/** Ticks a second of the times in /proc, on every Linux that is met. */
const TICKS = 100;
const PAGE = 4096;

function statOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in brackets, may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return {
      pid: Number(pid),
      parent: Number(fields[1]),
      seconds: (Number(fields[11]) + Number(fields[12])) / TICKS,
      rss: Number(fields[21]) * PAGE,
    };
  } catch {
    return undefined;
  }
}

/**
 * Processor seconds so far, by process, and memory of all that descend from a process, without those of `except` and
 * their descendants; undefined where the system does not tell.
 */
export function descendants(root, except = []) {
  let pids;
  try {
    pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return undefined;
  }
  const all = pids.map(statOf).filter((stat) => stat !== undefined);
  const found = [];
  let parents = [root];
  while (parents.length > 0) {
    const children = all.filter(({ pid, parent }) => parents.includes(parent) && !except.includes(pid));
    found.push(...children);
    parents = children.map(({ pid }) => pid);
  }
  return {
    seconds: new Map(found.map(({ pid, seconds }) => [pid, seconds])),
    rssMB: Math.round(found.reduce((sum, { rss }) => sum + rss, 0) / 1e6),
  };
}

/** Processor seconds between two looks; processes that came or went count with what was seen of them. */
export function secondsBetween(before, after) {
  if (!before || !after) return undefined;
  let sum = 0;
  for (const [pid, seconds] of after.seconds) sum += seconds - (before.seconds.get(pid) ?? 0);
  return sum;
}
