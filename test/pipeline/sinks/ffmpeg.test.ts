import { describe } from 'vitest';
import { openFfmpegSink } from '../../../src/pipeline/sinks/ffmpeg.js';
import { hasFfmpeg } from '../../fixtures/ffmpeg.js';
import { describeSink } from '../../suites/sink.js';

describe.skipIf(!hasFfmpeg)('with ffmpeg on the PATH (skipped where there is none)', () => {
  describeSink('ffmpeg', openFfmpegSink, {
    'odd size': 'ffmpeg’s command line cannot tell a container which margins to hide',
  });
});
