import { expect, it } from 'vitest';
import { openBackend } from '../../src/pipeline/backends.js';

it('each backend has its name and opens sources and sinks', async () => {
  for (const name of ['node-av', 'ffmpeg'] as const) {
    const backend = await openBackend(name);
    expect(backend.name).toBe(name);
    expect(typeof backend.openSource).toBe('function');
    expect(typeof backend.openSink).toBe('function');
  }
});
