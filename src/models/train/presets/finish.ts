/**
 * The last part of a training of the house, from a model that paints already: larger pieces, a low rate, and a price
 * on what repeats every eight pixels and on what a small move or noise changes. It takes most of the
 * weave out of flat areas and a third of the flicker, for less than a hundredth of S on `fast`. With a larger --base it
 * makes a wide model of a narrow one.
 */
export const finish = {
  ...{ steps: 420, size: 192, rate: 3e-4, warmup: 40, floor: 0.05 },
  ...{ styleWeight: 3, tvWeight: 1, weaveWeight: 1000, consistencyWeight: 100 },
};
