import { join } from 'node:path';
import { folders } from '../../config.js';
import { LOSS_NETWORKS } from '../presets.js';

/** Layers in which the network that ships stands in for VGG-19. */
const LAYERS = ['relu1_1', 'relu2_1', 'relu3_1', 'relu4_1'];

/**
 * The loss network that is used when none is named: the small one that ships, made by `livebrush train loss`. Only the
 * layers that it was taught are offered; who wants another one must name another network.
 */
export const defaultLoss = (models: string = folders.models): string[] => [
  `${join(models, LOSS_NETWORKS, 'small.safetensors')}:${LAYERS.join(',')}`,
];
