import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { folders } from '../../config.js';

/** Where something was measured, and how busy the machine was before. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGB: number;
  /** Processes that wanted to run, on average of the last 1, 5 and 15 minutes. */
  readonly load: readonly number[];
  readonly node: string;
  readonly platform: string;
  readonly version: string;
}

/** This machine: to be asked before anything is measured. */
export function machineOf(): Machine {
  const { version } = JSON.parse(readFileSync(join(folders.package, 'package.json'), 'utf8'));
  return {
    cpu: cpus()[0]?.model.trim() || process.arch,
    cores: availableParallelism(),
    memoryGB: Math.round(totalmem() / 2 ** 30),
    load: loadavg().map((load) => Number(load.toFixed(2))),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    version,
  };
}

/** The machine in a line. */
export const inALine = ({ cpu, cores, memoryGB, load, node, platform, version }: Machine): string =>
  `${cpu}, ${cores} cores, ${memoryGB} GB, ${platform}, Node ${node.slice(1)}, Livebrush ${version}, load before ${load.join(' ')}`;
