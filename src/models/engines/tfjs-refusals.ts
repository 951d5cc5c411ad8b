import type * as tf from '@tensorflow/tfjs';
import { LivebrushError } from '../../errors.js';

/** The first thing that a graphics processor would not do since somebody asked. */
let refused: string | undefined;

/**
 * Listens to what WebGPU refuses: more buffers than it has for a shader, more memory than there is. TensorFlow.js does
 * not hear of it and reads numbers that nobody computed.
 */
export function hearRefusals(backend: tf.KernelBackend): void {
  const { device } = backend as { device?: EventTarget };
  device?.addEventListener('uncapturederror', (event) => {
    event.preventDefault();
    const { error } = event as Event & { error?: { message?: string } };
    // What follows the first sentence is advice to programs, and where in WebGPU it happened.
    refused ??= error?.message?.split(/\.(?:\s|$)|\n/)[0] || 'it does not say what';
  });
}

/** To be called when numbers have been read. @throws LivebrushError when something that they may come from was refused. */
export function checkRefusals(): void {
  if (refused === undefined) return;
  const why = refused;
  refused = undefined;
  throw new LivebrushError(`The graphics processor refused to compute: ${why}.`, {
    hint: 'Smaller pictures and fewer at a time need less of it; another --backend or --engine does without it.',
  });
}
