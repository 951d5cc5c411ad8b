import type { HardwareEncoder, HardwareKind } from '../../../../src/pipeline/codec/hardware/kinds.js';
import { liveSettings } from '../../../../src/pipeline/codec/live-settings.js';

/** The compiled trial, which a process of its own can load. */
export const program = new URL('../../../../dist/pipeline/codec/hardware/trial.js', import.meta.url);

/** A program that calls everything right without trying it. */
export const believer = new URL(
  `data:text/javascript,${encodeURIComponent('export const tryHardware = async () => ({});')}`,
);

/** Software under the name of hardware: takes other pixels than our own use of it. */
export const disguised: HardwareEncoder = {
  encoder: 'libx264',
  pixels: 'nv12',
  options: liveSettings.h264.options,
  steerable: true,
};

/** What no build has. */
export const absent: HardwareEncoder = { ...disguised, encoder: 'h264_nowhere' };

/** Keeps pictures back, as encoders do that look ahead. */
export const hesitant: HardwareEncoder = {
  ...disguised,
  options: { preset: 'ultrafast', profile: 'baseline' },
};

/** A family with one encoder for everything. */
export function kind(
  name: HardwareKind['name'],
  encoder: HardwareEncoder,
  decoder: ReturnType<HardwareKind['decoder']> = undefined,
): HardwareKind {
  return { name, platforms: [], file: () => encoder, live: () => encoder, decoder: () => decoder };
}
