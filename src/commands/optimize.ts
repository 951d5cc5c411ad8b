import { type Command, Option } from 'commander';
import { print, tell } from '../log.js';
import { type OptimizeOptions, optimizePicture } from './optimize-one.js';
import { gather, inRange, layers, type SizeWish, size } from './options.js';

const weight = inRange(0, 1e12, false);

const examples = `
No model is needed and none is made: the picture itself is changed step by step until a loss network finds the photo's
content and the painting's style in it. Slow and good. Presets:
  house         any loss network; Gram matrices, means and deviations of four layers, 200 steps of L-BFGS at two sizes
  lbfgs-vgg16   VGG-16, Gram matrices of relu1_2 to relu4_3, content relu3_3, 1 : 1000000, 300 steps of L-BFGS
  adam-vgg16    VGG-16, Gram matrices of relu1_1 to relu5_1, content relu5_3, 0.5 : 10000, 30 steps of Adam at 10 of 255
VGG-16 is fetched once with: livebrush fetch vgg16
Ctrl-C writes the picture so far.

Examples:
  livebrush optimize photo.jpg --style painting.jpg --out painted.png
  livebrush optimize photo.jpg --style painting.jpg --out painted.png --preset lbfgs-vgg16 --size 512 --every 20
  livebrush optimize photo.jpg --style painting.jpg --out painted.png --loss vgg.safetensors --style-weight 20`;

/** `livebrush optimize`: paints one picture by optimising it. */
export const optimize = (parent: Command, signal: AbortSignal): void => {
  parent
    .command('optimize')
    .summary('paint one picture by optimising it: slow, the best there is')
    .description('Paints one picture by optimising the picture itself (Gatys et al. 2016).')
    .argument('<photo>', 'the picture to paint')
    .requiredOption('--style <picture>', 'the painting')
    .requiredOption('-o, --out <file>', 'where the painting goes')
    .option('--preset <name>', 'recipe: house, lbfgs-vgg16 or adam-vgg16', 'house')
    .option(
      '--loss <file>',
      'loss network: vgg16, vgg19 or a file (default: the one that ships); FILE:relu1_1 names what it serves (repeatable)',
      gather,
    )
    .option('--steps <n>', 'steps of the whole', inRange(1, 100_000))
    .addOption(
      new Option('--size <n|WxH>', 'longest side, or the size it shall fit in')
        .argParser<SizeWish>(size)
        .default(640),
    )
    .option(
      '--style-size <px>',
      "longest side of the painting: less makes finer strokes (default: the photo's)",
      inRange(16, 8192),
    )
    .option('--scales <n>', 'sizes from coarse to fine, each half the next', inRange(1, 4))
    .option('--style-weight <w>', 'weight of the style', weight)
    .option('--content-weight <w>', 'weight of the content', weight)
    .option('--tv-weight <w>', 'weight of the total variation: smooths', weight)
    .option('--style-layers <names>', 'layers compared for style', layers)
    .option('--content-layers <names>', 'layers compared for content', layers)
    .addOption(
      new Option('--style-loss <kind>', 'what style is, with the preset house').choices([
        'moments',
        'gram',
        'both',
      ]),
    )
    .addOption(new Option('--optimiser <name>', 'who makes the steps').choices(['lbfgs', 'adam']))
    .option(
      '--rate <r>',
      "Adam's rate, or the largest change of a pixel in the first trial of L-BFGS",
      inRange(1e-6, 1, false),
    )
    .addOption(new Option('--start <from>', 'what it begins as').choices(['content', 'noise']))
    .option('--seed <n>', 'seed of the noise', inRange(0, 2 ** 31), 1)
    .option('--every <n>', 'also write the picture every so many steps, as OUT-0020.png', inRange(1, 100_000))
    .addOption(
      new Option('--backend <name>', 'what computes')
        .choices(['auto', 'tensorflow', 'webgpu', 'wasm', 'cpu'])
        .default('auto'),
    )
    .option('--overwrite', 'replace pictures that exist')
    .option('--json', 'print the result, and progress before it, as lines of JSON')
    .addHelpText('after', examples)
    .action(async (photo: string, options: OptimizeOptions) => {
      const result = await optimizePicture(photo, options, signal);
      if (options.json) return print(JSON.stringify(result));
      print(result.output);
      const { before, after, steps, seconds, backend } = result;
      const fall = `loss ${before.total.toPrecision(4)} → ${after.total.toPrecision(4)}`;
      tell(`${fall} in ${steps} steps, ${seconds.toFixed(1)} s on ${backend}.`);
    });
};
