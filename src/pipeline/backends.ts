import type { MediaBackend } from './media.js';

/**
 * A way to read and write media, loaded when it is first asked for.
 * @throws Unsupported where its package or program is missing; some of them tell only when a file is opened.
 */
export async function openBackend(name: MediaBackend['name']): Promise<MediaBackend> {
  return backends[name]();
}

const backends: Record<MediaBackend['name'], () => Promise<MediaBackend>> = {
  'node-av': async () => {
    const [{ openMediaSource }, { openMediaSink }] = await Promise.all([
      import('./sources/media.js'),
      import('./sinks/media.js'),
    ]);
    return { name: 'node-av', openSource: openMediaSource, openSink: openMediaSink };
  },
  ffmpeg: async () => {
    const [{ openFfmpegSource }, { openFfmpegSink }] = await Promise.all([
      import('./sources/ffmpeg.js'),
      import('./sinks/ffmpeg.js'),
    ]);
    return { name: 'ffmpeg', openSource: openFfmpegSource, openSink: openFfmpegSink };
  },
};
