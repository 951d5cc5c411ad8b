/** What works on two cores: every sample its own style, own encoder, the distilled VGG-19 as loss network. */
export const house = {};
