import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { folders } from '../../config.js';
import { NotFound } from '../../errors.js';

/** A loss network that its authors publish: where, and what its file is. */
export interface Published {
  readonly name: string;
  /** Folder and file of its address. */
  readonly folder: string;
  readonly file: string;
  /** As its publisher gives it, in hexadecimal digits. */
  readonly md5: string;
  readonly bytes: number;
}

const keras = 'https://storage.googleapis.com/tensorflow/keras-applications';

/**
 * VGG without its classifier, as Keras publishes it: the weights of Simonyan and Zisserman, converted from Caffe. The
 * terms are theirs, CC BY 4.0.
 */
export const published: readonly Published[] = [
  {
    name: 'vgg16',
    folder: `${keras}/vgg16`,
    file: 'vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5',
    md5: '6d6bbae143d832006294945121d1f1fc',
    bytes: 58_889_256,
  },
  {
    name: 'vgg19',
    folder: `${keras}/vgg19`,
    file: 'vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5',
    md5: '253f8cb515780f3b799900260a226db6',
    bytes: 80_134_624,
  },
];

/** Where fetched loss networks lie. */
export const lossFolder = (home: string = folders.home): string => join(home, 'loss');

/**
 * The file that `--loss` means: the name of a published net, or a path.
 * @throws NotFound when the named net has not been fetched.
 */
export function findLossFile(spec: string, home?: string): string {
  const net = published.find(({ name }) => name === spec);
  if (!net) return spec;
  const path = join(lossFolder(home), net.file);
  if (!existsSync(path))
    throw new NotFound(`The loss network ${net.name} has not been fetched yet.`, {
      hint: `Fetch it with: livebrush fetch ${net.name}. A file of that name can be given as ./${net.name}.`,
    });
  return path;
}
