import type { Command } from 'commander';
import { trainLoss } from './train-loss.js';
import { trainMeta } from './train-meta.js';
import { trainMulti } from './train-multi.js';
import { trainSingle } from './train-single.js';
import { trainStyle } from './train-style.js';
import { trainWatch } from './train-watch.js';

/** `livebrush train`: makes models, and the loss networks that judge them. */
export const train = (parent: Command, signal: AbortSignal): void => {
  const command = parent.command('train').description('train networks');
  for (const add of [trainMeta, trainStyle, trainSingle, trainMulti, trainLoss, trainWatch])
    add(command, signal);
};
